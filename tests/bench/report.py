"""What is shown of the rounds: the tables and the plot of docs/performance.md, between its markers."""

from __future__ import annotations

import datetime
import platform
import resource
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import SAME, Check, Goal, Results, Summary
from bench.plan import ALL, EVERY_WORK, GENERATOR_LIMIT, GOALS, Work
from bench.plot import bars
from bench.servers import FASTAPI, LIMIT, MANY_ROOMS, ROOT, Kind

PAGE: Final = ROOT / "docs/performance.md"
PLOT: Final = ROOT / "docs/images/performance.svg"
BEGIN: Final = "<!-- make bench writes from here -->"
END: Final = "<!-- to here -->"

_PLOTTED: Final = ("ice", "ice_burst", "sdp", "churn")


def write_page(record: dict[str, Any]) -> None:
    """Replace what is between the markers of the page, and the plot."""
    PAGE.write_text(between(PAGE.read_text(), text(record)))
    PLOT.write_text(plot(Results(record["rounds"])))
    print(f"wrote {PAGE.relative_to(ROOT)} and {PLOT.relative_to(ROOT)}", file=sys.stderr)


def between(page: str, new: str) -> str:
    """The page with ``new`` between its markers. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{new}\n{END}{after}"


def machine() -> dict[str, str]:
    """Where and with what the rounds were run."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = f"configured {'with' if optimised else 'without'} --enable-optimizations"
    found = shutil.which("node")
    node = (
        "none"
        if found is None
        else subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": model,
        "python": f"{platform.python_version()}, {build}",
        "node": node,
        "files": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }


def text(record: dict[str, Any]) -> str:
    """All tables."""
    results = Results(record["rounds"])
    where, scale = record["machine"], record["scale"]
    sockets = results.summary("idle", FASTAPI.name, "sockets")
    held = "" if sockets is None else f"; {sockets.median:,.0f} idle sockets"
    parts = [
        f"Made by `make bench` on {where['date']}: rounds: {scale['rounds']}; on {where['processor']}, the "
        f"server on one core, the load generator on another. Python {where['python']}; Node {where['node']}; "
        f"`ulimit -n` {where['files']}{held}.",
        "### Times FastAPI",
        f"Medians over the rounds. Ratios between {1 / SAME:.2f} and {SAME} mean: the same.",
        _ratios(results),
        "![Work done for each second of CPU, as times the FastAPI relay](images/performance.svg)",
        "### Goals",
        _goals(results),
        "### Figures",
        "Median, and in brackets how far the farthest round was from it. The last column is the share of its "
        f"own core that the load generator used at most. Above {GENERATOR_LIMIT:.0%}, marked (!), it may "
        "have held the server back: that changes nothing in a frame's CPU time, but in latency and batches.",
        *(_figures(results, work) for work in EVERY_WORK),
        _nodes(results),
        _commits(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def _shown() -> list[Kind]:
    return [kind for kind in ALL if kind is not MANY_ROOMS]


def _ratios(results: Results) -> str:
    works = [work for work in EVERY_WORK if results.summary(work.name, FASTAPI.name, work.figure)]
    rows = []
    for work in works:
        cells = [f"{work.title} ({'higher' if work.more_is_better else 'lower'} is better)"]
        for kind in _shown():
            ratio = results.ratio(work.name, kind.name, FASTAPI.name, work.figure)
            cells.append("-" if ratio is None else f"{ratio.median:.2f}")
        rows.append(cells)
    return _table(["work", *(kind.title for kind in _shown())], rows)


def _figures(results: Results, work: Work) -> str:
    rows = []
    for kind in work.servers:
        summary = results.summary(work.name, kind.name, work.figure)
        if summary is None:
            continue
        more = [
            f"{name} {_spread(other)}"
            for name, other in (
                ("99th percentile", results.summary(work.name, kind.name, "p99_ms")),
                ("CPU", results.summary(work.name, kind.name, "cpu_ms_per_class")),
                ("MB more than before when all had gone:", results.summary(work.name, kind.name, "left_mb")),
                ("in the room, 99th percentile", results.summary(work.name, kind.name, "in_room_p99_ms")),
            )
            if other is not None
        ]
        busy = results.highest("generator", [work.name], [kind.name])
        rows.append(
            [
                kind.title,
                "; ".join([_spread(summary), *more]),
                f"{busy:.0%}{' (!)' if busy > GENERATOR_LIMIT else ''}" if busy else "-",
            ]
        )
    return f"**{work.title}**\n\n" + _table(["server", work.unit, "load generator"], rows) if rows else ""


def _spread(summary: Summary) -> str:
    number = _number(summary.median)
    # One round says nothing of a spread.
    return number if summary.rounds == 1 else f"{number} (±{summary.spread:.0%})"


def _nodes(results: Results) -> str:
    names = ("local_cpu_us", "across_cpu_us", "redis_cpu_us", "times_local")
    found = [results.summary("across", "nodes", name) for name in names]
    if None in found:
        return ""
    titles = ["within one node", "to another node, both together", "of it in Redis, beside", "times"]
    cells = [_spread(summary) for summary in found if summary is not None]
    return "**An ICE frame to a peer on another node, CPU in µs**\n\n" + _table(titles, [cells])


def _commits(results: Results) -> str:
    rows = []
    for store, words in (
        ("sqlite", "SQLite (WAL, synced)"),
        ("redis", "Redis (append-only file, each second)"),
    ):
        for at_once in (1, 64):
            wall = results.summary("commits", f"{store}_{at_once}", "commits_per_second")
            cpu = results.summary("commits", f"{store}_{at_once}", "commits_per_cpu_second")
            if wall is not None and cpu is not None:
                rows.append([words, str(at_once), _spread(wall), _spread(cpu)])
    if not rows:
        return ""
    return "**Commits**\n\n" + _table(["store", "rooms at once", "a second", "per CPU second"], rows)


def _goals(results: Results) -> str:
    return _table(["work", "goal", "measured", "reached"], [_goal(goal, results) for goal in GOALS])


def _goal(goal: Goal, results: Results) -> list[str]:
    checks = goal.checks(results)
    measured = [
        f"{check.measured:.2f} ({check.against})" if check.measured is not None else f"- ({check.against})"
        for check in checks
    ]
    return [goal.work, goal.words, "; ".join(measured), verdict(checks)]


def verdict(checks: Sequence[Check]) -> str:
    """In words: reached, or by how much it is missed."""
    if any(check.reached is None for check in checks):
        return "not measured"
    missed = [check for check in checks if not check.reached]
    if not missed:
        return "yes"
    return "**no**: " + "; ".join(f"{check.against} by {check.short_by:.0%}" for check in missed)


def plot(results: Results) -> str:
    """The bars of a few workloads."""
    groups = []
    for work in EVERY_WORK:
        if work.name not in _PLOTTED:
            continue
        values = []
        for kind in _shown():
            ratio = results.ratio(work.name, kind.name, FASTAPI.name, work.figure)
            if kind is not LIMIT:
                values.append((kind.title.replace("`", ""), None if ratio is None else ratio.median))
        groups.append((work.title, values))
    return bars("Work for each second of CPU, as times the FastAPI relay", groups)
