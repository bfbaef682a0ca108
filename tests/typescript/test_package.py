"""The package as an integrator gets it: packed, installed into a project, built, and run in two tabs."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.visits import DEADLINE, Teacher
from support.server import ServerProcess
from typescript.conftest import served
from typescript.node import CLIENT, ROOT, SDK, VITE_APP, modules, succeed, tool, tsc

pytestmark = pytest.mark.browser

_BANNER: Final = re.compile(r"// Compiled from .*\n")


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `npm pack` makes, of a copy: the working tree is left as it is."""
    folder = tmp_path_factory.mktemp("package")
    copy = folder / "typescript"
    shutil.copytree(SDK, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (copy / "node_modules").symlink_to(modules(SDK))
    succeed(tool("npm"), "pack", "--silent", "--pack-destination", str(folder), cwd=copy)
    (packed,) = folder.glob("*.tgz")
    return packed


@pytest.fixture(scope="module")
def app(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with Vite and TypeScript that has the package installed."""
    installed = modules(VITE_APP)
    copy = tmp_path_factory.mktemp("app") / "vite-app"
    shutil.copytree(VITE_APP, copy, symlinks=True)
    assert (copy / "node_modules").is_dir()
    assert installed.is_dir()
    quiet = ("--no-save", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    succeed(tool("npm"), "install", *quiet, str(tarball), cwd=copy)
    return copy


@pytest.fixture(scope="module")
def built(app: Path) -> Path:
    succeed(tool("npm"), "run", "--silent", "build", cwd=app)
    return app / "dist"


def test_the_package_holds_what_it_should(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        files = {member.name.removeprefix("package/"): member for member in archive.getmembers()}
        description: dict[str, Any] = json.loads(archive.extractfile("package/package.json").read())  # type: ignore[union-attr]
        compiled = {
            name.removeprefix("dist/"): archive.extractfile(f"package/{name}").read().decode()  # type: ignore[union-attr]
            for name in files
            if name.endswith(".js")
        }
    modules = {
        file.relative_to(SDK / "src").with_suffix("").as_posix() for file in (SDK / "src").rglob("*.ts")
    }
    expected = {f"dist/{module}{suffix}" for module in modules for suffix in (".js", ".d.ts")}
    assert files.keys() == expected | {"package.json", "README.md", "LICENSE"}
    assert sum(member.size for member in files.values()) < 200_000
    # The classroom page runs the very same modules.
    for file in CLIENT.glob("*.js"):
        assert _BANNER.sub("", file.read_text(), count=1) == compiled[file.name], file.name
    assert {name for name in compiled if not name.startswith("generated/")} == {
        file.name for file in CLIENT.glob("*.js")
    }

    assert "dependencies" not in description
    assert (description["name"], description["license"]) == ("webrtc-signaling-client", "Apache-2.0")
    assert (description["type"], description["sideEffects"]) == ("module", False)
    for entry in description["exports"].values():
        targets = [entry] if isinstance(entry, str) else list(entry.values())
        assert {target.removeprefix("./") for target in targets} <= files.keys()
    assert (SDK / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_project_is_type_checked_with_the_packages_types(app: Path) -> None:
    done = tsc(app, app / "node_modules")
    assert (done.returncode, done.stdout) == (0, "")
    # And they are looked at: what the package does not have is an error.
    (app / "src" / "fault.ts").write_text('import { Nothing } from "webrtc-signaling-client";\n')
    try:
        assert "src/fault.ts(1,10): error TS2305" in tsc(app, app / "node_modules").stdout
    finally:
        (app / "src" / "fault.ts").unlink()


def test_only_what_is_used_gets_into_the_build(app: Path, built: Path) -> None:
    (script,) = (built / "assets").glob("*.js")
    assert script.stat().st_size < 30_000
    assert "resume_token" in script.read_text()


# Two tabs


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as server:
        yield server


@pytest.fixture
def tabs(browser: Browser, built: Path, server: ServerProcess) -> Iterator[list[Page]]:
    """Two pages of the built project, in a new room. Whatever they do not catch fails the test."""
    code = Teacher(server).create_room()
    faults: list[str] = []
    profile = browser.new_context()
    with served(built) as url:
        pages = []
        for name in ("Ada", "Ben"):
            page = profile.new_page()
            page.set_default_timeout(DEADLINE * 1000)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.add_init_script(
                """window.sockets = [];
                   window.WebSocket = class extends WebSocket {
                     constructor(...options) { super(...options); sockets.push(this); }
                   };"""
            )
            page.goto(f"{url}/?{urlencode({'ws': server.ws_url, 'room': code, 'name': name})}")
            expect(page.locator("#status")).to_have_text(f"in room {code}")
            pages.append(page)
        yield pages
        profile.close()
    assert faults == []


def test_two_tabs_meet_and_talk_over_a_data_channel(tabs: list[Page]) -> None:
    ada, ben = tabs
    expect(ada.locator("#people li")).to_have_text(["Ben"])
    expect(ben.locator("#people li")).to_have_text(["Ada"])
    expect(ada.locator("#said li")).to_have_text(["Ben is here"])
    expect(ben.locator("#said li")).to_have_text(["Ada is here"])
    ada.evaluate("sayToAll('Good morning')")
    expect(ben.locator("#said li").last).to_have_text("Good morning")

    ben.evaluate("leave()")
    expect(ben.locator("#status")).to_have_text("over: left")
    expect(ada.locator("#people li")).to_have_count(0)


def test_a_tab_that_loses_its_line_comes_back_and_talks_on(tabs: list[Page]) -> None:
    ada, ben = tabs
    expect(ben.locator("#said li")).to_have_text(["Ada is here"])
    # What a page may do that is nearest to a line that breaks: a close of the "reconnect" range.
    ada.evaluate("sockets.at(-1).close(4000)")
    expect(ada.locator("#status")).to_contain_text("back")
    expect(ada.locator("#people li")).to_have_text(["Ben"])
    expect(ben.locator("#people li")).to_have_text(["Ada"])
    _say_until_heard(ada, ben)
    _say_until_heard(ben, ada)


def _say_until_heard(speaker: Page, listener: Page) -> None:
    """A channel that is being made again takes no words yet."""
    words = f"Can you hear me, {listener.evaluate('document.title')}?"
    speaker.evaluate("(words) => { window.saying = setInterval(() => sayToAll(words), 100); }", words)
    expect(listener.locator("#said li").last).to_have_text(words)
    speaker.evaluate("clearInterval(saying)")
