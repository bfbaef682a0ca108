"""Session descriptions and candidates in whatever form the application has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

from signaling_client.messages import AnswerDescription, IceCandidate, OfferDescription


@runtime_checkable
class SessionDescription(Protocol):
    """Anything with the two fields of W3C's RTCSessionDescription: aiortc's class of that name, for one."""

    @property
    def type(self) -> str: ...

    @property
    def sdp(self) -> str: ...


Description: TypeAlias = str | Mapping[str, Any] | SessionDescription
"""SDP text, or a description as a mapping or an object with `type` and `sdp`."""

Candidate: TypeAlias = IceCandidate | Mapping[str, Any] | None
"""W3C's RTCIceCandidateInit as a mapping or as the generated Struct; None: end of candidates."""

_Struct = TypeVar("_Struct", OfferDescription, AnswerDescription, IceCandidate)


def offer_description(given: Description) -> OfferDescription:
    """The offer. Raises ValueError for what is none."""
    return _converted(_described(given, "offer"), OfferDescription)


def answer_description(given: Description) -> AnswerDescription:
    """The answer, provisional (`pranswer`) or not. Raises ValueError for what is none."""
    return _converted(_described(given, "answer"), AnswerDescription)


def ice_candidate(given: Candidate) -> IceCandidate | None:
    """The candidate, or None for the end of candidates. Raises ValueError for what is none."""
    if given is None or isinstance(given, IceCandidate):
        return given
    return _converted(given, IceCandidate)


def _described(given: Description, kind: Literal["offer", "answer"]) -> Mapping[str, Any]:
    if isinstance(given, str):
        return {"type": kind, "sdp": given}
    if isinstance(given, Mapping):
        return given
    if isinstance(given, SessionDescription):
        return {"type": given.type, "sdp": given.sdp}
    raise ValueError(f"not a session description: {given!r}")


def _converted(given: Mapping[str, Any], kind: type[_Struct]) -> _Struct:
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"not an {kind.__name__}: {error}") from error
