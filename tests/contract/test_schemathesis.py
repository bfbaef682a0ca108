"""The published document against the running service: generated calls, valid and not, find no difference."""

from __future__ import annotations

from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from support.server import ServerProcess

CONFIG: Final[dict[str, Any]] = {
    # The same calls on every run.
    "generation": {"max-examples": 100, "deterministic": True},
    "checks": {
        # A room that was deleted has ended; by the contract it stays readable until it is purged.
        "use_after_free": {"enabled": False},
    },
}

OPERATIONS: Final = {
    "GET /api/rooms",
    "POST /api/rooms",
    "GET /api/rooms/{room_code}",
    "DELETE /api/rooms/{room_code}",
    "GET /api/statistics",
    "GET /health",
    "GET /readiness",
}


def test_generated_calls_find_nothing() -> None:
    """Every check of schemathesis: statuses, shapes, headers, methods, keys; alone and in sequences."""
    findings: list[str] = []
    phases: dict[str, Status] = {}
    called: set[str] = set()
    calls = 0
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
                calls += len(event.recorder.interactions)
                called |= {case.value.operation.label for case in event.recorder.cases.values()}
                for checks in event.recorder.checks.values():
                    for check in checks:
                        if check.failure_info is not None:
                            failure = check.failure_info
                            findings.append(
                                f"{failure.failure.title}: {failure.failure.message}\n{failure.code_sample}"
                            )
        log = server.lines
    assert not findings, "\n\n".join(findings)
    assert {"examples", "coverage", "fuzzing", "stateful"} <= set(phases)
    assert set(phases.values()) <= {Status.SUCCESS}, phases
    assert called >= OPERATIONS
    assert calls >= 500
    assert not [line for line in log if '"level": "error"' in line]
