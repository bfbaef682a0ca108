"""The benchmark's own arithmetic, and that it runs. What it measures is no matter here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from bench import report
from bench.dialects import Guide, Kind, PeerJs
from bench.figures import Check, Results, Round, Summary
from bench.frames import ICE_BYTES, SDP_BYTES, masked, of_size, unpack
from bench.plan import EVERY_WORK, GOALS
from bench.plot import bars
from bench.servers import ROOT
from bench.soak import Look, faults

ROUNDS: list[Round] = [
    {"ice": {"ours": {"speed": 40.0}, "fastapi": {"speed": 10.0}}},
    {"ice": {"ours": {"speed": 90.0}, "fastapi": {"speed": 30.0}, "c": {"speed": 1.0}}},
    {"ice": {"ours": {"speed": 50.0}, "fastapi": {"speed": 10.0}}, "across": {"ours": {"speed": 25.0}}},
]
QUIET = Look(resident=100_000_000, files=20, threads=4, sockets=0, seats=0)


def test_medians_and_spreads() -> None:
    assert Summary.of([30, 10, 20]) == Summary(20, 10, 30, 3)
    assert Summary.of([10, 30]).median == 20
    assert Summary.of([10, 20, 50]).spread == 1.5
    assert Summary.of([8, 10, 11]).spread == pytest.approx(0.2)
    with pytest.raises(ValueError, match="no round"):
        Summary.of([])


def test_ratios_are_of_the_same_round() -> None:
    results = Results(ROUNDS)
    assert results.ratio("ice", "ours", "fastapi", "speed") == Summary(4, 3, 5, 3)
    assert results.ratio("ice", "ours", "c", "speed") == Summary(90, 90, 90, 1)
    assert results.ratio("ice", "ours", "peerjs", "speed") is None
    assert results.summary("ice", "ours", "speed") == Summary(50, 40, 90, 3)
    assert results.summary("idle", "ours", "speed") is None
    assert results.highest("speed", ["ice", "across"], ["ours"]) == 90
    assert results.highest("share", ["ice"], ["ours"]) == 0


def test_goals_say_by_how_much_they_are_missed() -> None:
    assert Check(4.5, 4.5, True, "x").reached
    assert not Check(4.4, 4.5, True, "x").reached
    assert Check(0.1, 0.12, False, "x").reached
    assert Check(3.0, 4.0, True, "x").short_by == 0.25
    assert Check(5.0, 4.0, False, "x").short_by == 0.25
    assert Check(None, 4.0, True, "x").reached is None
    assert report.verdict([Check(5, 4, True, "x")]) == "yes"
    assert report.verdict([Check(5, 4, True, "x"), Check(3, 4, True, "other")]) == "**no**: other by 25%"
    assert report.verdict([Check(None, 4, True, "x")]) == "not measured"


def test_frames_are_of_the_size_that_is_said() -> None:
    for dialect in (Guide(), PeerJs()):
        kinds: tuple[tuple[Kind, int], ...] = (
            ("ice_candidate", ICE_BYTES),
            ("offer", SDP_BYTES),
            ("answer", SDP_BYTES),
        )
        for kind, size in kinds:
            text, arrives = dialect.relay(kind, "sender", "receiver-0123456", size)
            assert len(text) == size
            assert "receiver-0123456" in json.dumps(json.loads(text))
            assert "sender" in json.dumps(arrives)
    with pytest.raises(ValueError, match="without padding"):
        of_size(3, lambda padding: b"four" + b"x" * padding)


def test_masked_frames_are_read_back() -> None:
    for size in (0, 1, 125, 126, 4096, 65_535, 65_536):
        payload = b"x" * size
        frame = masked(payload)
        head = 2 if size < 126 else 4 if size < 65_536 else 10
        mask = frame[head : head + 4]
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(frame[head + 4 :]))
        assert body == payload
        plain = bytes((frame[0], frame[1] & 0x7F)) + frame[2:head] + payload
        assert unpack(plain, 0) == (1, payload, len(plain))
        assert unpack(plain[:-1], 0) is None


def test_the_page_is_replaced_between_its_markers_only() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    new = report.between(page, "new\n")
    assert "old" not in new
    assert new.startswith("before\n")
    assert new.endswith(f"{report.END}\nafter\n")
    assert report.between(new, "new\n") == new
    with pytest.raises(ValueError, match="the page has no"):
        report.between("nothing", "new")


def test_the_plot_is_well_formed() -> None:
    drawn = bars("a < b", [("one", [("x", 2.0), ("y", None), ("z & z", 1.0)]), ("none", [])])
    root = ElementTree.fromstring(drawn)
    widths = [int(rect.attrib["width"]) for rect in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(widths) == 2
    assert widths[0] == 2 * widths[1]


def test_goals_are_about_work_that_is_done() -> None:
    nothing = Results([])
    for goal in GOALS:
        checks = goal.checks(nothing)
        assert checks
        assert all(check.measured is None for check in checks)
    assert len({work.name for work in EVERY_WORK}) == len(EVERY_WORK)


def test_growth_is_found() -> None:
    def looks(*sizes: int) -> list[Look]:
        return [Look(resident=size, files=20, threads=4, sockets=0, seats=0) for size in sizes]

    assert faults(looks(100, 102, 99, 101, 100, 102)) == []
    assert "memory grew" in faults(looks(100_000, 102_000, 104_000, 106_000, 108_000, 110_000))[0]
    assert faults([QUIET, QUIET, Look(100_000_000, 25, 4, 0, 0)]) == ["files grew from 20 to 25"]
    assert "1 sockets and 0 seats" in faults([QUIET, Look(100_000_000, 20, 4, 1, 0)])[0]


def test_it_runs() -> None:
    """A very short round of the workloads on the service, and of the soak."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    works = ["ice", "latency", "classes", "morning", "churn", "create", "read", "idle"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke", "--only", *works],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for work in EVERY_WORK:
        assert (f"**{work.title}**" in done.stdout) == (work.name in works)
    assert re.search(r"\| this service \| [1-9][0-9,]* ", done.stdout)


def test_the_soak_runs() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [sys.executable, "-m", "bench.soak", "2"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing grew in 2 s" in done.stdout


def test_locks_name_no_address() -> None:
    peers = ROOT / "tests/bench/peers"
    for lock in (peers / "fastapi/requirements.lock", peers / "node/package-lock.json"):
        text = lock.read_text()
        assert not re.search(r'://|"resolved"', text), f"{lock} names an address"
        assert "sha512-" in text or "--hash=sha256:" in text
