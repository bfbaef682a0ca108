"""The published document against the running service: generated calls, valid and not, find no difference."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from support.server import ServerProcess

EXAMPLES: Final = 200
"""Generated calls of each operation that takes anything; the phases before and after add to them."""

CONFIG: Final[dict[str, Any]] = {
    # The same calls on every run.
    "generation": {"max-examples": EXAMPLES, "deterministic": True},
}

VARIED: Final = {
    "GET /api/rooms",
    "POST /api/rooms",
    "GET /api/rooms/{room_code}",
    "DELETE /api/rooms/{room_code}",
}

PLAIN: Final = {"GET /api/statistics", "GET /health", "GET /readiness"}
"""Operations that take nothing: there is no more than a handful of different calls of them."""


def ended(response: Any) -> bool:
    """Whether it shows a room that has ended: by the contract it stays readable after its DELETE."""
    return bool(json.loads(response.content)["state"] == "closed")


def test_generated_calls_find_nothing() -> None:
    """Every check of schemathesis: statuses, shapes, headers, methods, keys; alone and in sequences."""
    findings: list[str] = []
    phases: dict[str, Status] = {}
    checked: Counter[str] = Counter()
    fuzzed: Counter[str] = Counter()
    called: Counter[str] = Counter()
    with ServerProcess() as server:
        config = SchemathesisConfig.from_dict({**CONFIG, "headers": server.headers})
        schema = schemathesis.openapi.from_url(f"{server.base_url}/api/openapi.json", config=config)
        for event in from_schema(schema).execute():
            if isinstance(event, events.NonFatalError):
                findings.append(f"{event.label}: {event.value}")
            elif isinstance(event, events.FatalError):
                findings.append(str(event.exception))
            elif isinstance(event, events.PhaseFinished):
                phases[event.phase.name.value] = event.status
            elif isinstance(event, events.ScenarioFinished):
                recorder = event.recorder
                labels = [case.value.operation.label for case in recorder.cases.values()]
                called.update(labels)
                if event.phase.value == "fuzzing":
                    fuzzed.update(labels)
                for case_id, checks in recorder.checks.items():
                    for check in checks:
                        checked[check.name] += 1
                        if check.failure_info is None:
                            continue
                        if check.name == "use_after_free" and ended(recorder.interactions[case_id].response):
                            continue
                        failure = check.failure_info
                        findings.append(
                            f"{failure.failure.title}: {failure.failure.message}\n{failure.code_sample}"
                        )
        log = server.lines
    assert not findings, "\n\n".join(findings)
    # The last one fails by its own reckoning, for the rooms that have ended.
    expected = dict.fromkeys(("examples", "coverage", "fuzzing"), Status.SUCCESS)
    assert {name: phases.get(name) for name in expected} == expected
    assert "stateful" in phases
    assert set(checked) == set(CHECKS.get_all_names())
    assert set(called) == VARIED | PLAIN
    assert min(fuzzed[label] for label in VARIED) >= EXAMPLES, fuzzed
    assert not [line for line in log if '"level": "error"' in line]
