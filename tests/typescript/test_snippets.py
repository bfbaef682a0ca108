"""The TypeScript that the documentation shows compiles, and its first page makes a call."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser

from browser.visits import RECORD_CONNECTIONS, Teacher, expect_video
from support.server import ServerProcess
from typescript.conftest import served
from typescript.node import CLIENT, HERE, ROOT, SDK, tsc

PAGES: Final = ("sdk/typescript/README.md", "docs/integration.md")
_FENCE: Final = re.compile(r"^```(?:ts|typescript)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PRINTED_SOCKET: Final = "wss://signaling.example.com/ws"
PRINTED_CODE: Final = "a7x9k2"


def snippets() -> dict[str, str]:
    """The blocks of the pages, by a name for each."""
    found = {}
    for page in PAGES:
        text = (ROOT / page).read_text()
        blocks = _FENCE.findall(text)
        assert len(blocks) == len(re.findall(r"^```(ts|typescript)\b", text, re.MULTILINE))
        assert blocks, page
        for number, block in enumerate(blocks):
            found[f"{Path(page).parts[0]}-{number}"] = block
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each block a module of its own."""
    folder = tmp_path_factory.mktemp("snippets")
    settings = json.loads((HERE / "types" / "tsconfig.json").read_text())
    options = settings["compilerOptions"]
    settings["extends"] = str(SDK / "tsconfig.json")
    options["rootDir"] = "/"
    options["paths"] = {
        "webrtc-signaling-client": [str(SDK / "src" / "index.ts")],
        "webrtc-signaling-client/*": [str(SDK / "src" / "generated" / "*.ts")],
    }
    del options["noEmit"]
    options |= {"outDir": str(folder / "out"), "noUnusedLocals": False}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    for name, block in snippets().items():
        (folder / f"{name}.ts").write_text(f"{block}\nexport {{}};\n")
    return folder


@pytest.fixture(scope="module")
def compiled(project: Path) -> Path:
    done = tsc(project)
    assert (done.returncode, done.stdout) == (0, "")
    return project / "out" / project.relative_to("/")


def test_every_block_compiles(compiled: Path) -> None:
    assert {file.stem for file in compiled.glob("*.js")} == snippets().keys()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["sdk-0", "docs-0"])
def test_two_pages_of_the_first_block_see_each_other(
    browser: Browser, compiled: Path, tmp_path: Path, name: str
) -> None:
    site = tmp_path / "site"
    shutil.copytree(CLIENT, site / "client")
    with ServerProcess() as server, served(site) as url:
        code = (compiled / f"{name}.js").read_text()
        assert code.count(PRINTED_SOCKET) == code.count(PRINTED_CODE) == 1
        room = Teacher(server).create_room()
        code = code.replace(PRINTED_SOCKET, server.ws_url).replace(PRINTED_CODE, room)
        (site / "call.js").write_text(code)
        (site / "index.html").write_text(
            """<!doctype html><title>Call</title><link rel="icon" href="data:,"><body>
               <script type="importmap">
                 {"imports": {"webrtc-signaling-client": "/client/index.js"}}
               </script>
               <script type="module" src="/call.js"></script>"""
        )
        faults: list[str] = []
        pages = []
        profile = browser.new_context()
        for _ in range(2):
            page = profile.new_page()
            page.add_init_script(RECORD_CONNECTIONS)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(url)
            pages.append(page)
        expect_video(pages, connections=1)
        for page in pages:
            page.wait_for_function(
                "[...document.querySelectorAll('video')].some((video) => video.videoWidth > 0)"
            )
        profile.close()
        assert faults == []
