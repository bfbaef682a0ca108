"""How the page is served: with headers that keep everything else out, and never half old and half new."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import httpx
import pytest

from signaling.web.classroom import FILES
from support.server import ServerProcess

ROOT: Final = Path(__file__).parents[2]
PACKED: Final = "signaling/web/classroom/"

PATHS = (
    "/classroom",
    "/classroom/assets/app.js",
    "/classroom/assets/client/index.js",
    "/classroom/assets/classroom.css",
    "/classroom/config.json",
)


@pytest.mark.parametrize("path", [*PATHS, "/classroom/assets/missing.js"])
def test_every_answer_carries_the_security_headers(server: ServerProcess, path: str) -> None:
    headers = httpx.get(server.base_url + path).headers
    policy = dict(directive.split(" ", 1) for directive in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    host = f"127.0.0.1:{server.port}"
    assert policy["connect-src"] == f"'self' wss://{host} ws://{host}"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"] == "camera=(self), microphone=(self), display-capture=(self)"
    assert headers["cache-control"] == "no-cache"


def test_a_host_that_is_no_host_does_not_get_into_the_policy(server: ServerProcess) -> None:
    for host in ("evil.test; script-src *", "a b", "x,y", "http://x"):
        policy = httpx.get(server.base_url + "/classroom", headers={"Host": host}).headers.get(
            "content-security-policy", "connect-src 'self';"
        )
        assert "connect-src 'self';" in policy, host


@pytest.mark.parametrize("path", PATHS[:4])
def test_what_has_not_changed_is_not_sent_again(server: ServerProcess, path: str) -> None:
    first = httpx.get(server.base_url + path)
    etag = first.headers["etag"]
    for known in (etag, f'"other", W/{etag}'):
        again = httpx.get(server.base_url + path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert "content-security-policy" in again.headers
    other = httpx.get(server.base_url + path, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize(
    "path", ["/classroom/assets/../classroom.py", "/classroom/assets/%2e%2e/classroom.py"]
)
def test_nothing_outside_the_folder_is_served(server: ServerProcess, path: str) -> None:
    assert httpx.get(server.base_url + path).status_code == 404


def test_no_inline_script_and_no_foreign_address_is_in_the_page(server: ServerProcess) -> None:
    page = httpx.get(server.base_url + "/classroom").text
    assert page.count("<script") == 1
    assert 'src="/classroom/assets/app.js"' in page
    for forbidden in ("style=", "onclick=", "javascript:", "https://", "http://"):
        assert forbidden not in page


def test_every_module_is_asked_for_at_once(server: ServerProcess) -> None:
    """Found one inside the other, they would take a round trip for every level."""
    page = httpx.get(server.base_url + "/classroom").text
    preloaded = re.findall(r'<link rel="modulepreload" href="/classroom/assets/(\S+)">', page)
    assert sorted([*preloaded, "app.js"]) == sorted(
        file.relative_to(FILES).as_posix() for file in FILES.rglob("*.js")
    )


def test_the_services_wheel_has_every_file_of_the_page(tmp_path: Path) -> None:
    """Modules in folders of it, too. Built from a copy: building leaves things behind."""
    copy = tmp_path / "source"
    shutil.copytree(
        ROOT / "service", copy / "service", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(tmp_path)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.splitlines()[-1]) as wheel:
        packed = {name.removeprefix(PACKED) for name in wheel.namelist() if name.startswith(PACKED)}
    assert packed == {file.relative_to(FILES).as_posix() for file in FILES.rglob("*") if file.is_file()}
