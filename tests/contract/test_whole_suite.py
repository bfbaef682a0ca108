"""What the suite as a whole must have seen of the contract, and when that is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from support.whole_suite import LAST, TESTS, declared_tests
from support.wire import CORE_CLOSES, WIRE, contract_notes

NEVER_SEEN: Final[dict[str, str]] = {}
"""What no test can make the service say, each with its reason."""


def test_the_suite_has_seen_all_of_the_contract() -> None:
    """Runs after all other tests, and only where all of them run (`tests/conftest.py`)."""
    assert WIRE.seen <= contract_notes() | {f"close {code}" for code in CORE_CLOSES}
    assert contract_notes() - WIRE.seen == set(NEVER_SEEN), "in the contract, and no test has seen it"
    idle = [test for test, used in WIRE.permits.items() if not used]
    assert not idle, "marked odd_frames, and nothing odd was sent"


def test_the_contract_is_counted_out() -> None:
    notes = contract_notes()
    for note in (
        "client message join",
        "server message participant_reconnecting",
        "socket error room_full",
        "http error idempotency_conflict",
        "close 4005",
        "participant_left reason connection_lost",
        "room_left reason room_expired",
    ):
        assert note in notes
    assert set(NEVER_SEEN) <= notes


def test_the_tests_are_found_in_their_sources() -> None:
    declared = set(declared_tests(TESTS))
    assert (Path(__file__), "test_the_tests_are_found_in_their_sources") in declared
    assert (Path(__file__), LAST) not in declared
    assert len({file for file, _ in declared}) == len(list(TESTS.rglob("test_*.py")))


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A small suite with the real rule: two files, and the test that is the last."""
    _, mark, rule = (TESTS / "conftest.py").read_text(encoding="utf-8").partition("@pytest.hookimpl")
    imports = "import pytest\nfrom support.whole_suite import LAST, is_whole\n"
    pytester.makeconftest(imports + mark + rule)
    pytester.makepyfile(
        test_small_a=f"def {LAST}(): pass\ndef test_one(): pass",
        test_small_b="import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_two(n): pass",
    )
    monkeypatch.setattr("support.whole_suite.TESTS", pytester.path)
    return pytester


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], True),
        (["."], True),
        (["test_small_b.py", "test_small_a.py"], True),
        (["-x"], True),
        (["test_small_a.py"], False),
        (["--ignore=test_small_b.py"], False),
        (["-k", "one or last or suite"], False),
        (["-m", "not fault"], False),
        (["--deselect", "test_small_b.py::test_two[1]"], False),
        (["test_small_a.py", "test_small_b.py::test_two[1]"], False),
        (["test_small_a.py", "test_small_b.py::test_two"], False),
    ],
    ids=str,
)
def test_it_is_asked_where_all_tests_run_and_last(
    suite: pytest.Pytester, arguments: list[str], asked: bool
) -> None:
    done = suite.runpytest_inprocess("-v", "-p", "no:asyncio", *arguments)
    ran = [line for line in done.outlines if " PASSED" in line]
    assert any(LAST in line for line in ran) is asked
    assert (LAST in ran[-1]) is asked
    assert done.ret == 0
