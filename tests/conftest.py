"""Settings of all tests, and the checks of all that goes over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from support import hooks
from support.lanes import add_options, leave_notes, of_lane
from support.whole_suite import LAST, is_whole
from support.wire import WIRE

# The machine may be busy: how long an example takes says nothing. What hypothesis found belongs into a test
# of its own.
settings.register_profile(
    "suite", deadline=None, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")

hooks.install()


@pytest.fixture(autouse=True)
def wire(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test in which something went over the wire that the contract does not have."""
    marker = request.node.get_closest_marker("odd_frames")
    test = f"{request.node.path.name}::{getattr(request.node, 'originalname', request.node.name)}"
    WIRE.begin(test, () if marker is None else marker.args)
    yield
    faults = WIRE.faults()
    assert not faults, "\n".join(faults)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is to be seen once all tests have run is asked last, and only where all of them run."""
    last = [item for item in items if item.name == LAST]
    others = [item for item in items if item.name != LAST]
    if is_whole(config, others):
        others += last
    chosen = of_lane(config.option.lane, others)
    left_out = set(items).difference(chosen)
    items[:] = chosen
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.option.lane == 1:
        leave_notes(session.config.option.lane_notes, WIRE)
