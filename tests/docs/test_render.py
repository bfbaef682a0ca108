"""render.yaml: what it sets is known to the service, and two instances of it are one service."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import pytest
import yaml

from signaling.settings import Settings
from support.snippets import ROOT

OF_THE_PLATFORM: Final = {"PYTHON_VERSION"}
"""Variables that Render reads itself."""


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """The services by their type: one of each."""
    blueprint = yaml.safe_load((ROOT / "render.yaml").read_text(encoding="utf-8"))
    assert blueprint.keys() == {"services"}
    found = {service["type"]: service for service in blueprint["services"]}
    assert len(found) == len(blueprint["services"])
    assert found.keys() == {"web", "keyvalue"}
    return found


@pytest.fixture(scope="module")
def variables(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    entries = services["web"]["envVars"]
    found = {entry["key"]: entry for entry in entries}
    assert len(found) == len(entries)
    return found


def settings(variables: dict[str, dict[str, Any]]) -> Settings:
    """What the service makes of it, with what Render fills in."""
    environment = {"PORT": "10000"}
    for name, entry in variables.items():
        if "value" in entry:
            assert isinstance(entry["value"], str), f"{name}: Render takes text only"
            environment[name] = entry["value"]
    environment["API_KEY"] = "0" * 44
    environment["REDIS_URL"] = "redis://red-abcdefghijklmnopqrst:6379"
    return Settings.from_environment(environment)


def test_every_variable_is_read_by_the_service(variables: dict[str, dict[str, Any]]) -> None:
    known = {name.upper() for name in Settings.__struct_fields__} - {"API_KEYS"} | {"API_KEY"}
    assert variables.keys() - OF_THE_PLATFORM <= known
    assert settings(variables).host == "0.0.0.0"
    assert settings(variables).log_format == "json"
    # Render's is no Python that the service does not run on.
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    minor = ".".join(variables["PYTHON_VERSION"]["value"].split(".")[:2])
    assert f"Programming Language :: Python :: {minor}" in wanted


def test_the_key_is_made_by_render(variables: dict[str, dict[str, Any]]) -> None:
    assert variables["API_KEY"] == {"key": "API_KEY", "generateValue": True}


def test_the_instances_share_their_rooms(
    services: dict[str, dict[str, Any]], variables: dict[str, dict[str, Any]]
) -> None:
    web, store = services["web"], services["keyvalue"]
    assert web["numInstances"] >= 2
    # A disk is one instance's own, and keeps Render from starting the new before it stops the old.
    assert "disk" not in web
    assert "DATA_DIR" not in variables
    assert variables["REDIS_URL"] == {
        "key": "REDIS_URL",
        "fromService": {"type": "keyvalue", "name": store["name"], "property": "connectionString"},
    }
    assert settings(variables).web_concurrency == 1
    # The private network ends at the region.
    assert web.get("region") == store.get("region")


def test_no_room_is_thrown_away_and_no_stranger_reaches_them(services: dict[str, dict[str, Any]]) -> None:
    store = services["keyvalue"]
    assert store["maxmemoryPolicy"] == "noeviction"
    assert store["ipAllowList"] == []
    for service in services.values():
        assert service["plan"] != "free"


def test_how_it_is_built_started_watched_and_stopped(
    services: dict[str, dict[str, Any]], variables: dict[str, dict[str, Any]]
) -> None:
    web = services["web"]
    locks = re.findall(r"-r (\S+)", web["buildCommand"])
    assert locks
    assert all((ROOT / lock).is_file() for lock in locks)
    assert web["startCommand"] == "python -m signaling"
    assert web["healthCheckPath"] == "/health"
    assert web["maxShutdownDelaySeconds"] > settings(variables).drain_seconds
