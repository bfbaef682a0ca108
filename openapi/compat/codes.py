"""What changed in the registries of error codes and close codes, as the AsyncAPI document prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi.compat import verdicts
from openapi.compat.changes import Change, Side
from openapi.compat.shape import Json
from openapi.compat.verdicts import Verdict


def code_changes(old: Json, new: Json) -> Iterator[Change]:
    """All changes of the two registries. That an `error` has another `code` is one of its schema."""
    for registry, changes in (("x-error-codes", _error_changes), ("x-close-codes", _close_changes)):
        # Early documents did not print them: that says nothing of what the service did.
        if registry in old["info"]:
            yield from changes(old["info"], new["info"])


def _error_changes(old: Json, new: Json) -> Iterator[Change]:
    before, after = (_by_code(info, "x-error-codes") for info in (old, new))
    closes = {**_by_code(old, "x-close-codes"), **_by_code(new, "x-close-codes")}
    reconnect = {code: close["reconnect"] for code, close in closes.items()}
    for code in before:
        if code not in after:
            yield _told(f"error `{code}`", "is gone", verdicts.WAITS)
    for code, now in after.items():
        was = before.get(code)
        if was is None:
            yield _told(f"error `{code}`", "is new", verdicts.UNKNOWN_ERROR)
            continue
        if was["retry"] and not now["retry"]:
            yield _told(f"error `{code}`", "is not worth a retry now", verdicts.RETRIES_IN_VAIN)
        elif now["retry"] and not was["retry"]:
            yield _told(f"error `{code}`", "is worth a retry now", verdicts.RETRIES_LESS)
        if was["close_code"] != now["close_code"]:
            yield _told(f"error `{code}`", *_close_after(was["close_code"], now["close_code"], reconnect))


def _close_after(was: int | None, now: int | None, reconnect: dict[Any, bool]) -> tuple[str, Verdict]:
    if now is None:
        return f"no longer ends the socket with {was}", verdicts.SOCKET_STAYS
    if was is None:
        return f"ends the socket with {now} now", verdicts.SOCKET_ENDS
    same = reconnect.get(was) == reconnect.get(now)
    verdict = verdicts.RANGE_TELLS if same else verdicts.OTHER_RECONNECT
    return f"ends the socket with {now}, did with {was}", verdict


def _close_changes(old: Json, new: Json) -> Iterator[Change]:
    before, after = (_by_code(info, "x-close-codes") for info in (old, new))
    for code, was in before.items():
        if code not in after:
            yield _told(f"close {code}", f"`{was['name']}` is gone", verdicts.WAITS)
    numbers = {was["name"]: code for code, was in before.items()}
    for code, now in after.items():
        known = before.get(code)
        if known is None:
            yield _told(f"close {code}", f"`{now['name']}` is new", _new_close(code, now["reconnect"]))
            continue
        if known["name"] != now["name"]:
            what = f"is called `{now['name']}`, was `{known['name']}`"
            # A name that another number had says that the two have changed places.
            taken = now["name"] in numbers
            yield _told(f"close {code}", what, verdicts.OTHER_MEANING if taken else verdicts.FOR_PEOPLE)
        if known["reconnect"] != now["reconnect"]:
            what = "says to reconnect now" if now["reconnect"] else "says not to reconnect now"
            yield _told(f"close {code}", what, verdicts.OTHER_RECONNECT)


def _new_close(code: int, reconnect: bool) -> Verdict:
    if not 4000 <= code <= 4999:
        return verdicts.NO_RANGE
    return verdicts.RANGE_TELLS if reconnect is (code < 4500) else verdicts.OTHER_RECONNECT


def _by_code(info: Json, registry: str) -> dict[Any, Json]:
    return {entry["code"]: entry for entry in info.get(registry, ())}


def _told(where: str, what: str, verdict: Verdict) -> Change:
    return Change(Side.MESSAGES, where, what, verdict)
