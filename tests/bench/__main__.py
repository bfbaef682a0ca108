"""`make bench`: rounds over all workloads and servers, one after the other, then the page."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import shutil
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import uvloop

from bench import report
from bench.plan import EVERY_WORK, FULL, IDLE, QUICK, SMOKE, WORKS, Scale, Work
from bench.servers import BUILD, OURS, STORED, Cores, Kind, Process, Server, build_limit, temporary_directory
from bench.setting import rooms
from bench.sockets import DEADLINE
from bench.stores import redis_commits, sqlite_commits
from bench.workloads import Figures, across

RESULTS = BUILD / "results.json"

_T = TypeVar("_T")

Measured = dict[str, dict[str, Figures]]


def main() -> None:
    """Measure, show, and write the page unless the round was a short one."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    parser.add_argument("--smoke", action="store_true", help="the service alone, to see that this runs")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--only", nargs="*", default=[], help="these workloads alone; writes nothing")
    parser.add_argument("--page", action="store_true", help="make the page again from the last results")
    options = parser.parse_args()
    if options.page:
        report.write_page(msgspec.json.decode(RESULTS.read_bytes()))
        return
    scale = QUICK if options.quick else FULL
    if options.rounds:
        scale = msgspec.structs.replace(scale, rounds=options.rounds)
    scale = _within_file_limit(scale)
    cores = Cores.choose(least=1 if options.smoke else 2)
    os.sched_setaffinity(0, {cores.generator})
    if options.smoke:
        _smoke(cores, options.only)
        return
    build_limit()
    run = _Run(cores, scale, options.only)
    run.store_rooms()
    try:
        for number in range(scale.rounds):
            run.round(number)
            RESULTS.write_bytes(msgspec.json.encode(run.record()))
    finally:
        shutil.rmtree(STORED)
    if options.quick or options.only:
        print(report.text(run.record()))
    else:
        report.write_page(run.record())


def _smoke(cores: Cores, only: list[str]) -> None:
    """These workloads on one process of the service, to see that they run."""
    with Server(OURS, cores.server, IDLE.environment) as server:
        measured = {
            work.name: {OURS.name: _run(work.run(server, SMOKE))} for work in EVERY_WORK if work.name in only
        }
    scale = msgspec.to_builtins(SMOKE)
    print(report.text({"machine": report.machine(), "scale": scale, "rounds": [measured]}))


def _within_file_limit(scale: Scale) -> Scale:
    """As many idle sockets as both sides may open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    possible = scale.idle_sockets if hard == resource.RLIM_INFINITY else hard - 1500
    if possible < scale.idle_sockets:
        print(
            f"ulimit -n is {hard}: {possible} idle sockets instead of {scale.idle_sockets}", file=sys.stderr
        )
        return msgspec.structs.replace(scale, idle_sockets=possible)
    return scale


class _Run:
    def __init__(self, cores: Cores, scale: Scale, only: list[str]) -> None:
        self._cores = cores
        self._scale = scale
        self._only = only
        self.rounds: list[Measured] = []

    def record(self) -> dict[str, Any]:
        """What is kept of it."""
        return {"machine": report.machine(), "scale": msgspec.to_builtins(self._scale), "rounds": self.rounds}

    def store_rooms(self) -> None:
        """A data directory with as many rooms as the servers that start with some have."""
        shutil.rmtree(STORED, ignore_errors=True)
        STORED.mkdir(parents=True)
        with Server(OURS, self._cores.server, {"DATA_DIR": str(STORED)}) as server:
            _run(rooms(server, self._scale.stored_rooms))
            server.stop()

    def round(self, number: int) -> None:
        """Every workload, every server; each time another of them begins."""
        measured: Measured = {}
        self.rounds.append(measured)
        for work in WORKS:
            if self._wanted(work.name):
                self._measure(measured, work, number)
        if self._wanted(IDLE.name) and number < self._scale.idle_rounds:
            self._measure(measured, IDLE, number)
        if self._wanted("across"):
            measured["across"] = {"nodes": self._across()}
        if self._wanted("commits"):
            measured["commits"] = self._commits()

    def _wanted(self, name: str) -> bool:
        return not self._only or name in self._only

    def _measure(self, measured: Measured, work: Work, number: int) -> None:
        first = number % len(work.servers)
        for kind in (*work.servers[first:], *work.servers[:first]):
            figures = self._once(work, kind)
            measured.setdefault(work.name, {})[kind.name] = figures
            self._tell(number, work.title, kind.title, f"{figures[work.figure]:,.4g} {work.unit}", figures)

    def _once(self, work: Work, kind: Kind) -> Figures:
        environment = work.environment if kind.name == OURS.name else {}
        with Server(kind, self._cores.server, environment) as server:
            return _run(work.run(server, self._scale))

    def _across(self) -> Figures:
        with self._redis() as redis:
            environment = {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
            with (
                Server(OURS, self._cores.server, environment) as near,
                Server(OURS, self._cores.server, environment) as far,
            ):
                figures = _run(across(near, far, redis, self._scale.seconds))
        self._tell(
            len(self.rounds) - 1,
            "relay across nodes",
            "two nodes",
            f"{figures['times_local']:.3g} x",
            figures,
        )
        return figures

    def _redis(self) -> Process:
        path = shutil.which("redis-server") or shutil.which("valkey-server")
        if path is None:
            sys.exit("There is no Redis here: apt-get install redis-server (or valkey-server)")
        settings = ("--save", "", "--appendonly", "yes", "--bind", "127.0.0.1")
        return Process((path, "--port", "PORT", "--dir", "DIRECTORY", *settings), self._cores.server)

    def _commits(self) -> dict[str, Figures]:
        measured: dict[str, Figures] = {}
        seconds = self._scale.seconds
        for rooms_at_once in (1, 64):
            with temporary_directory() as directory:
                work = sqlite_commits(Path(directory), rooms_at_once, seconds)
                measured[f"sqlite_{rooms_at_once}"] = _run(work)
            with self._redis() as redis:
                work = redis_commits(f"redis://127.0.0.1:{redis.port}/0", rooms_at_once, seconds)
                measured[f"redis_{rooms_at_once}"] = _run(work)
        for name, figures in measured.items():
            self._tell(
                len(self.rounds) - 1, "commits", name, f"{figures['commits_per_second']:,.0f} a second", {}
            )
        return measured

    def _tell(self, number: int, work: str, server: str, outcome: str, figures: Figures) -> None:
        share = f"   generator {figures['generator']:.0%} of its core" if "generator" in figures else ""
        print(
            f"{number + 1}/{self._scale.rounds}  {work:<46} {server:<28} {outcome}{share}",
            file=sys.stderr,
            flush=True,
        )


def _run(work: Awaitable[_T]) -> _T:
    """On a loop of its own, without the collector getting in between."""

    async def run() -> _T:
        return await asyncio.wait_for(work, 10 * DEADLINE)

    gc.collect()
    gc.disable()
    try:
        return uvloop.run(run())
    finally:
        gc.enable()


if __name__ == "__main__":
    main()
