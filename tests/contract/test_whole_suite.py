"""What the suite as a whole must have seen of the contract, and when that is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from support.lanes import PATIENCE, leave_notes, take_notes
from support.whole_suite import LAST, TESTS, declared_tests
from support.wire import CORE_CLOSES, WIRE, Wire, contract_notes

NEVER_SEEN: Final[dict[str, str]] = {}
"""What no test can make the service say, each with its reason."""


@pytest.mark.timeout(PATIENCE + 60)
def test_the_suite_has_seen_all_of_the_contract(pytestconfig: pytest.Config) -> None:
    """Runs after all other tests, and only where all of them run (`tests/conftest.py`)."""
    if pytestconfig.option.lane:
        take_notes(pytestconfig.option.lane_notes, WIRE)
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
    imports = (
        "import pytest\n"
        "from support.lanes import add_options, leave_notes, of_lane\n"
        "from support.whole_suite import LAST, is_whole\n"
        "from support.wire import WIRE\n"
    )
    pytester.makeconftest(imports + mark + rule)
    pytester.makepyfile(
        test_small_a=f"def {LAST}(): pass\ndef test_one(): pass",
        test_small_b="import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_two(n): pass",
    )
    monkeypatch.setattr("support.whole_suite.TESTS", pytester.path)
    monkeypatch.setattr("support.lanes.TESTS", pytester.path)
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


def test_every_test_runs_in_one_lane_and_the_last_in_the_second(suite: pytest.Pytester) -> None:
    suite.mkdir("sdk").joinpath("test_small_c.py").write_text("def test_three(): pass", encoding="utf-8")
    ran = []
    for lane in (1, 2):
        done = suite.runpytest_inprocess(
            "-v", "-p", "no:asyncio", f"--lane={lane}", "--lane-notes=notes.json"
        )
        assert done.ret == 0
        ran.append([line.split()[0] for line in done.outlines if " PASSED" in line])
    assert ran[0] == ["sdk/test_small_c.py::test_three"]
    assert [test.partition("::")[2] for test in ran[1]] == ["test_one", "test_two[1]", "test_two[2]", LAST]


def test_what_one_lane_has_seen_counts_in_the_other(tmp_path: Path) -> None:
    first, second = Wire(), Wire()
    first.note(["close 4001"], port=1)
    first.permits = {"a": True, "b": False}
    second.note(["close 4005"], port=1)
    second.permits = {"b": True, "c": False}
    leave_notes(tmp_path / "notes.json", first)
    take_notes(tmp_path / "notes.json", second)
    assert second.seen == {"close 4001", "close 4005"}
    assert second.permits == {"a": True, "b": True, "c": False}


def test_a_lane_that_leaves_no_notes_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.lanes.PATIENCE", 0.2)
    with pytest.raises(TimeoutError, match="left no"):
        take_notes(tmp_path / "notes.json", Wire())
