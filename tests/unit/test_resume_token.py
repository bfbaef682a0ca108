"""Resume tokens: signed proof of a seat (contract 4)."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.contract.messages import ResumePayload
from signaling.rooms.resume_token import InvalidResumeToken, ResumeTokens, SeatClaim

CLAIM = SeatClaim("a7x9k2", "k3v9q2mx-7fh2kd8s5wpc4nrt", 3)


def test_what_is_signed_is_proven() -> None:
    tokens = ResumeTokens(["key-one"])
    token = tokens.sign(CLAIM)
    assert tokens.verify(token) == CLAIM
    # It fits the message that carries it, and a URL, a header, a log-free place.
    ResumePayload(resume_token=token, received=1)
    assert len(token) < 200
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_every_changed_character_is_noticed() -> None:
    tokens = ResumeTokens(["key-one"])
    token = tokens.sign(CLAIM)
    # The last character of unpadded base64 may hold bits that say nothing; the claim must be the same then.
    for position in range(len(token)):
        for other in "Aa0-_.=":
            changed = token[:position] + other + token[position + 1 :]
            with contextlib.suppress(InvalidResumeToken):
                assert tokens.verify(changed) == CLAIM
                assert changed == token or position in (token.index(".") - 1, len(token) - 1)


def test_another_claim_needs_another_signature() -> None:
    tokens = ResumeTokens(["key-one"])
    _, _, signature = tokens.sign(CLAIM).partition(".")
    forged, _, _ = tokens.sign(SeatClaim("a7x9k2", "somebody-else", 3)).partition(".")
    with pytest.raises(InvalidResumeToken):
        tokens.verify(f"{forged}.{signature}")


def test_keys_can_be_rotated() -> None:
    """Contract 1: several keys, so that keys can be rotated without downtime: the first signs, all are
    accepted.
    """
    old, both, new = ResumeTokens(["old"]), ResumeTokens(["new", "old"]), ResumeTokens(["new"])
    assert both.verify(old.sign(CLAIM)) == CLAIM
    assert new.verify(both.sign(CLAIM)) == CLAIM
    for tokens, token in ((old, new.sign(CLAIM)), (new, old.sign(CLAIM))):
        with pytest.raises(InvalidResumeToken):
            tokens.verify(token)


def test_the_api_key_itself_does_not_sign() -> None:
    """Tokens are given to browsers: the key that signs them is derived, and no claim is taken for another
    kind of proof.
    """
    import hmac

    payload = b'["a7x9k2","x",0]'
    text = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    signature = base64.urlsafe_b64encode(hmac.digest(b"key", payload, "sha256")).rstrip(b"=").decode()
    with pytest.raises(InvalidResumeToken):
        ResumeTokens(["key"]).verify(f"{text}.{signature}")


@given(st.one_of(st.text(max_size=300), st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True)))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidResumeToken):
        ResumeTokens(["key"]).verify(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é", "a" * 5000, "\ud800.x", "A.", ".A"])
def test_odd_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidResumeToken):
        ResumeTokens(["key"]).verify(text)
