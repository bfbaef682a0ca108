"""The registry of error codes and close codes: whole, and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import signaling
from signaling.contract.errors import CLOSES, ERRORS, CloseCode, ErrorCode
from signaling.contract.examples import ERROR_CASES
from signaling.web.errors import CODE_OF_STATUS

PACKAGE = Path(signaling.__file__).parent
REGISTRY = PACKAGE / "contract" / "errors.py"


def code_outside_the_registry() -> str:
    return "\n".join(
        file.read_text(encoding="utf-8")
        for file in PACKAGE.rglob("*.py")
        if file not in (REGISTRY, PACKAGE / "contract" / "examples.py")
    )


def test_every_code_has_an_entry() -> None:
    assert set(ERRORS) == set(ErrorCode)
    assert set(CLOSES) == set(CloseCode)


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.value)
def test_an_entry_says_what_it_means_and_where(code: ErrorCode) -> None:
    info = ERRORS[code]
    assert info.meaning.endswith(".")
    assert info.meaning[0].isupper()
    assert info.on_socket or info.http_status is not None
    assert info.close_code is None or info.on_socket
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.value)


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.value)
def test_every_code_is_used(code: ErrorCode) -> None:
    assert re.search(rf"\bErrorCode\.{code.name}\b", code_outside_the_registry())


@pytest.mark.parametrize("code", CloseCode, ids=lambda code: code.name.lower())
def test_close_codes(code: CloseCode) -> None:
    assert CLOSES[code].endswith(".")
    assert code.reconnect == (4000 <= code <= 4499)
    assert code == CloseCode.TOO_BIG or 4000 <= code <= 4999


def test_statuses_of_the_framework_are_those_of_the_registry() -> None:
    assert {status: ERRORS[code].http_status for status, code in CODE_OF_STATUS.items()} == {
        status: status for status in CODE_OF_STATUS
    }


def test_every_code_that_a_call_can_answer_has_an_example() -> None:
    documented = {case.code for cases in ERROR_CASES.values() for case in cases}
    elsewhere = {
        ErrorCode.NOT_FOUND: "no operation's: the path is none",
        ErrorCode.METHOD_NOT_ALLOWED: "no operation's: the method is none",
        ErrorCode.FORBIDDEN_ORIGIN: "only refuses WebSocket handshakes",
    }
    over_http = {code for code, info in ERRORS.items() if info.http_status is not None}
    assert documented == over_http - set(elsewhere)
