"""What the pages show besides programs and messages: settings, units, configurations, trees, diagrams."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from signaling.backends.redis.store import RedisStore
from signaling.settings import Settings
from support.redis_server import RedisServer
from support.snippets import ROOT, Block, blocks, is_picture

SERVICE: Final = ROOT / "service" / "signaling"

KEY: Final = {"API_KEY": "k" * 32}


def settings_of(lines: list[str]) -> dict[str, str]:
    """The variables that lines of `NAME=value` set. All must be known to the service, and good."""
    found = dict(line.split("=", 1) for line in lines)
    Settings.from_environment({**KEY, **found})
    known = {name.upper() for name in Settings.__struct_fields__} | {"API_KEY"}
    assert set(found) <= known
    return found


def test_settings_are_taken() -> None:
    shown = [settings_of(block.text.splitlines()) for block in blocks("env")]
    assert [settings.keys() for settings in shown] == [{"ICE_SERVERS"}]


def test_a_setting_that_is_none_is_found() -> None:
    with pytest.raises(AssertionError):
        settings_of(["ROOM_TTL=2"])
    with pytest.raises(Exception, match="ROOM_TTL_HOURS"):
        settings_of(["ROOM_TTL_HOURS=200"])


class Unit(configparser.ConfigParser):
    """Reads a unit of systemd, whose names keep their case."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_the_unit_is_what_systemd_reads_and_the_service_takes() -> None:
    (block,) = blocks("ini")
    unit = Unit(interpolation=None, strict=True)
    unit.read_string(block.text)
    assert unit.sections() == ["Unit", "Service", "Install"]
    for section in unit.sections():
        for name in unit[section]:
            assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name
    service = unit["Service"]
    settings = settings_of(service["Environment"].split())
    # The process is given the time that it may take, and the folder that it is told of.
    assert int(service["TimeoutStopSec"]) > int(settings["DRAIN_SECONDS"])
    assert settings["DATA_DIR"] == f"/var/lib/{service['StateDirectory']}"
    program, *arguments = service["ExecStart"].split()
    (shell,) = [
        block
        for block in blocks("sh", page=block.page)
        if "EnvironmentFile" in service and "venv" in block.text
    ]
    assert f"cd {program.removesuffix('/venv/bin/python')}\n" in shell.text
    assert service["EnvironmentFile"] in shell.text
    shown = subprocess.run(
        [sys.executable, *arguments, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.returncode == 0, shown.stderr


async def test_the_redis_of_several_containers_loses_nothing_and_theirs_are_the_same(tmp_path: Path) -> None:
    """The settings shown are those that the service finds nothing to say about."""
    (block,) = [block for block in blocks("sh") if "docker network create" in block.text]
    one_line = block.text.replace("\\\n", " ")
    (server,) = re.findall(r"valkey-server (.*)", one_line)
    (node,) = re.findall(r"docker run -d --name signaling-\$node (.*)", one_line)
    shown = settings_of([setting for setting in re.findall(r"-e (\w+=\S+)", node) if "$" not in setting])
    assert shown.keys() == {"REDIS_URL", "TRUSTED_PROXIES"}
    # The name of the one is the host of the other.
    assert f"--name {urlsplit(shown['REDIS_URL']).hostname} " in one_line
    (patience,) = re.findall(r"--stop-timeout (\d+)", node)
    assert int(patience) > Settings.from_environment(KEY).drain_seconds
    with RedisServer(*server.split()) as redis, capture_logs() as logs:
        store = await RedisStore.open(redis.url)
        await store.close()
    assert logs == []


# nginx and Caddy


def tokens(text: str) -> Iterator[str]:
    """Words, strings, braces and ends of a configuration; fails on what is none of these."""
    position = 0
    pattern = re.compile(r"""\s+|\#[^\n]*|(?P<token>[{};]|'[^'\n]*'|"[^"\n]*"|[^\s{};'"#]+)""")
    while position < len(text):
        match = pattern.match(text, position)
        assert match is not None, f"not understood: {text[position : position + 20]!r}"
        position = match.end()
        if match["token"]:
            yield match["token"]


def directives(text: str) -> list[tuple[int, list[str]]]:
    """Depth and words of each directive of an nginx configuration. Fails where nginx would not read it."""
    found: list[tuple[int, list[str]]] = []
    depth, words = 0, list[str]()
    for token in tokens(text):
        if token in (";", "{"):
            assert words, f"{token!r} after nothing"
            found.append((depth, words))
            words = []
            depth += token == "{"
        elif token == "}":
            assert not words, f"no ; after {words}"
            depth -= 1
            assert depth >= 0, "a } too many"
        else:
            words.append(token)
    assert (depth, words) == (0, []), "unfinished"
    return found


def test_the_configuration_of_nginx_is_well_formed() -> None:
    (block,) = blocks("nginx")
    found = [(depth, words[0], words[1:]) for depth, words in directives(block.text)]
    assert {name for depth, name, _ in found if depth == 0} == {"map", "upstream", "server"}
    assert (2, "proxy_http_version", ["1.1"]) in found
    headers = {words[0]: words[1] for _, name, words in found if name == "proxy_set_header"}
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["Upgrade"] == "$http_upgrade"
    # What is used is defined, there or by nginx.
    (made,) = [words[1] for _, name, words in found if name == "map"]
    assert headers["Connection"] == made
    (target,) = [words[0] for _, name, words in found if name == "proxy_pass"]
    assert target.removeprefix("http://") in [words[0] for _, name, words in found if name == "upstream"]


@pytest.mark.parametrize("spoiled", ["server {", "server }", "listen 443", "a; }", "x 'y;", "{ }", "; a;"])
def test_what_nginx_would_not_read_is_found(spoiled: str) -> None:
    with pytest.raises(AssertionError):
        directives(spoiled)


def test_the_configuration_of_caddy_is_well_formed() -> None:
    (block,) = blocks("caddyfile")
    lines = [line.strip() for line in block.text.splitlines()]
    assert re.fullmatch(r"[a-z.]+ \{", lines[0])
    assert lines[-1] == "}"
    for line in lines[1:-1]:
        assert re.fullmatch(r"[a-z_]+( [^\s{}]+)+", line), line
    assert "reverse_proxy 127.0.0.1:8000" in lines


# Diagrams and trees


def test_diagrams_are_printed() -> None:
    """Nobody draws them by hand: `docs/build.py` does, and is asked in test_docs_tables."""
    for block in blocks("mermaid"):
        before = (ROOT / block.page).read_text(encoding="utf-8").splitlines()[: block.line - 1]
        marks = [line for line in before if line.startswith("<!-- ")]
        assert marks[-1].startswith("<!-- printed: ")
        kind, *lines = block.text.splitlines()
        assert kind == "stateDiagram-v2"
        for line in lines:
            assert re.fullmatch(r" {4}(\w+|\[\*\]) --> (\w+|\[\*\])(: [^:;]+)?", line), line


def test_every_text_is_a_picture_or_looked_at() -> None:
    looked_at = [TREE, LAYERS, REFUSAL, RUNNING, CHANGES]
    rest = [block for block in blocks("text") if not is_picture(block)]
    assert len(rest) == len(looked_at)
    assert sorted(block.first for block in rest) == sorted(block.first for block in map(text, looked_at))


TREE: Final = ("README.md", "service/signaling/")
LAYERS: Final = ("docs/architecture.md", "__main__")
REFUSAL: Final = ("docs/configuration.md", "The service cannot start")
RUNNING: Final = ("README.md", "WebRTC signaling is running.")
"""Compared with what `make run` prints in test_docs_snippets."""
CHANGES: Final = ("docs/compatibility.md", "The wire since")
"""Compared with what the command tells in tests/contract/test_contract_diff_command.py."""


def text(which: tuple[str, str]) -> Block:
    """The block of text of this page that begins so."""
    (found,) = [block for block in blocks("text", page=which[0]) if block.first.startswith(which[1])]
    return found


def test_the_tree_of_the_readme_is_what_there_is() -> None:
    parents: list[tuple[int, Path]] = [(-1, ROOT)]
    shown = set()
    for line in text(TREE).text.splitlines():
        indent = len(line) - len(line.lstrip())
        while parents[-1][0] >= indent:
            parents.pop()
        path = parents[-1][1] / line.split()[0]
        assert path.is_dir(), line
        parents.append((indent, path))
        shown.add(path)
    packages = {path.parent for path in SERVICE.glob("*/__init__.py")}
    assert {path for path in shown if path.parent == SERVICE} == packages


def test_the_layers_are_what_there_is() -> None:
    (table,) = re.findall(r"(?ms)^(__main__.*)", text(LAYERS).text)
    # The last column says what they do.
    columns = [re.split(r" {2,}", line)[:-1] for line in table.splitlines()]
    layers = {name for cells in columns for cell in cells for name in cell.split(", ")}
    there = {path.stem for path in SERVICE.glob("*.py")} | {
        path.parent.name for path in SERVICE.glob("*/__init__.py")
    }
    assert layers == there - {"__init__"}


def test_a_refusal_to_start_is_printed_as_the_page_shows_it(tmp_path: Path) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "signaling"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(SERVICE.parent), "ROOM_TTL_HOURS": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    assert started.stderr == text(REFUSAL).text
