"""`make contract-diff`, run for real: in a repository of its own, with the service's code in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from openapi.compat import compare
from openapi.compat.report import told
from signaling.contract.messages import PROTOCOL_VERSION
from signaling.contract.schemas import SCHEMAS_PATH
from support.drafts import Draft, add_field, field, required

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "compatibility.md"

ENVIRONMENT: Final = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE", "MFLAGS"))},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{
        f"GIT_{who}_{what}": "test@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
}

MESSAGES: Final = "service/signaling/contract/messages.py"
TYPES: Final = "service/signaling/contract/types.py"


class Repository:
    """A clone's worth of files: what the command needs, in one commit tagged v0.1.0."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("service/signaling", "openapi"):
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "assets")
            )
        shutil.copy(ROOT / "Makefile", folder)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("The first release")
        self.git("tag", "v0.1.0")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            check=True,
            timeout=60,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def commit(self, subject: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)

    def edit(self, path: str, before: str, after: str) -> None:
        """Change the code; the documents that are committed stay as they are."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} in {path}"
        file.write_text(text.replace(before, after), encoding="utf-8")

    def diff(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of the command line behind `make`."""
        return self._run(sys.executable, "-m", "openapi.diff", *arguments)

    def make(self, *arguments: str) -> tuple[int, str, str]:
        """The same of `make contract-diff`, the environment being there already."""
        return self._run("make", "--assume-old=install", f"VENV={sys.prefix}", "contract-diff", *arguments)

    def _run(self, *command: str) -> tuple[int, str, str]:
        # The code that is compared is this repository's, not what is installed.
        environment = ENVIRONMENT | {"PYTHONPATH": str(self.folder / "service")}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Repository(tmp_path_factory.mktemp("pristine")).folder


@pytest.fixture
def repository(pristine: Path, tmp_path: Path) -> Repository:
    made = Repository.__new__(Repository)
    made.folder = tmp_path / "clone"
    shutil.copytree(pristine, made.folder)
    return made


def test_no_change(repository: Repository) -> None:
    code, output, errors = repository.diff()
    assert (code, errors) == (0, "")
    assert output.startswith("The wire since v0.1.0 (protocol version ")
    assert output.endswith("\nOK: nothing changed on the wire.\n")


def break_resume(repository: Repository) -> None:
    repository.edit(MESSAGES, "max_length=1024,", "max_length=512,")


def raise_protocol_version(repository: Repository) -> None:
    line = "PROTOCOL_VERSION: Final = {}\n"
    repository.edit(MESSAGES, line.format(PROTOCOL_VERSION), line.format(PROTOCOL_VERSION + 1))


BROKEN: Final = (
    "  BREAKS  `resume` from clients `payload.resume_token`: at most 512 characters, was 1024 "
    "(what an old client sends may be refused)\n"
)


def test_a_break_is_named_and_refused(repository: Repository) -> None:
    break_resume(repository)
    code, output, errors = repository.diff("v0.1.0")
    assert (code, errors) == (1, "")
    assert BROKEN in output
    assert "\nREFUSED: 1 of " in output
    assert f"raise PROTOCOL_VERSION ({PROTOCOL_VERSION}, was {PROTOCOL_VERSION})" in output
    # What is not committed counts, and so does what is committed since.
    repository.commit("Shorten the token")
    assert repository.diff("v0.1.0")[:2] == (1, output)


def test_a_break_that_the_protocol_version_tells_of(repository: Repository) -> None:
    break_resume(repository)
    raise_protocol_version(repository)
    code, output, errors = repository.diff("v0.1.0")
    assert (code, errors) == (0, "")
    assert BROKEN in output
    assert f"were under {SCHEMAS_PATH} (" in output
    assert re.search(r"^OK: \d of \d changes break old clients\.$", output, re.MULTILINE)
    assert (
        f"  Messages: the protocol version says so, {PROTOCOL_VERSION + 1} after {PROTOCOL_VERSION}.\n"
        in output
    )


def test_the_version_of_one_side_does_not_speak_for_the_other(repository: Repository) -> None:
    repository.edit(TYPES, "MAX_TTL_HOURS: Final = 168\n", "MAX_TTL_HOURS: Final = 100\n")
    raise_protocol_version(repository)
    code, output, _ = repository.diff("v0.1.0")
    assert code == 1
    assert "  BREAKS  POST /api/rooms, body `ttl_hours`: at most 100, was 168 (" in output
    assert "  REST: the service's version must say so: raise its " in output


def test_make(repository: Repository) -> None:
    assert repository.make()[0] == 0
    break_resume(repository)
    code, output, errors = repository.make("BASE=v0.1.0")
    assert code != 0
    assert BROKEN in output
    assert "contract-diff" in errors
    assert repository.make("BASE=no-such-tag")[0] != 0


@pytest.mark.parametrize("ref", ["no-such-tag", "HEAD~50", "v0.1.0:openapi", "--upload-pack=x"])
def test_an_unknown_ref(repository: Repository, ref: str) -> None:
    code, output, errors = repository.diff("--", ref)
    assert (code, output) == (2, "")
    assert errors.startswith(f"contract-diff: there is no `{ref}` in this repository.")
    assert "git fetch" in errors


@pytest.mark.parametrize("text", [b"<<<<<<< main\n", "{}".encode("utf-16")])
def test_a_document_that_is_none(repository: Repository, text: bytes) -> None:
    (repository.folder / "openapi" / "openapi.json").write_bytes(text)
    repository.commit("Merge badly")
    code, output, errors = repository.diff("HEAD")
    assert (code, output) == (2, "")
    assert errors.startswith("contract-diff: openapi/openapi.json at `HEAD` is not JSON: ")


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("openapi.json", "null", "is no JSON object"),
        ("asyncapi.json", "[1]", "is no JSON object"),
        ("openapi.json", "{}", "(KeyError: 'paths')"),
        (
            "openapi.json",
            '{"info": {"version": "newest"}, "paths": {}}',
            "(ValueError: no version: 'newest')",
        ),
        ("openapi.json", '{"info": {"version": "1.0"}, "paths": {"/x": {"get": {}}}}', "'responses'"),
        ("asyncapi.json", '{"asyncapi": "2.6.0", "info": {}, "channels": {"/ws": {}}}', "KeyError: "),
        ("schemas/index.json", '{"bodies": [7]}', "AttributeError"),
    ],
)
def test_a_document_of_another_form(repository: Repository, file: str, text: str, fault: str) -> None:
    (repository.folder / "openapi" / file).write_text(text)
    repository.commit("Print otherwise")
    code, output, errors = repository.diff("HEAD")
    assert (code, output) == (2, "")
    assert errors.startswith(f"contract-diff: openapi/{file} at `HEAD` is no")
    assert fault in errors
    assert errors.count("\n") == 1


def test_a_document_that_is_not_in_the_clone(repository: Repository) -> None:
    """Of a partial clone, say. That is another thing than a commit from before there were documents."""
    content = repository.git("rev-parse", "HEAD:openapi/openapi.json").strip()
    (repository.folder / ".git" / "objects" / content[:2] / content[2:]).unlink()
    code, output, errors = repository.diff("HEAD")
    assert (code, output) == (2, "")
    assert errors.startswith("contract-diff: openapi/openapi.json at `HEAD` cannot be read.")


def test_before_there_were_documents_everything_is_new(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--orphan", "past")
    repository.git("rm", "--quiet", "-r", "--cached", "openapi")
    repository.git("commit", "--quiet", "--message", "Before the documents")
    repository.git("tag", "past")
    code, output, errors = repository.diff("past")
    assert (code, errors) == (0, "")
    assert output.count("everything is new: past has no document of it") == 2
    assert output.endswith("\nOK: there are no old clients to break.\n")


def test_what_it_compares_with_if_nobody_says(repository: Repository) -> None:
    def base() -> str:
        code, output, errors = repository.diff()
        assert (code, errors) == (0, "")
        return output.removeprefix("The wire since ").split()[0]

    repository.commit("Go on")
    assert base() == "v0.1.0"
    repository.git("tag", "v0.2.0")
    repository.git("tag", "nightly")
    repository.commit("Go on")
    assert base() == "v0.2.0"
    repository.git("tag", "--delete", "v0.1.0", "v0.2.0")
    assert base() == "HEAD"
    repository.git("update-ref", "refs/remotes/origin/main", "HEAD")
    assert base() == "origin/main"


def test_without_a_repository(repository: Repository) -> None:
    shutil.rmtree(repository.folder / ".git")
    for arguments in ((), ("v0.1.0",)):
        code, output, errors = repository.diff(*arguments)
        assert (code, output) == (2, "")
        assert errors.startswith("contract-diff: this is no git repository with a commit")


def test_for_programs(repository: Repository) -> None:
    break_resume(repository)
    code, output, _ = repository.diff("--format", "json", "v0.1.0")
    found = json.loads(output)
    assert (code, found["ok"], found["since"]) == (1, False, "v0.1.0")
    assert found["protocol_version"] == {"old": PROTOCOL_VERSION, "new": PROTOCOL_VERSION}
    assert {
        "side": "Messages",
        "where": "`resume` from clients `payload.resume_token`",
        "what": "at most 512 characters, was 1024",
        "breaks": True,
        "why": "what an old client sends may be refused",
    } in found["changes"]


# The page


def sample() -> str:
    """A release that does a bit of everything."""
    old, new = Draft(), Draft()
    for draft in (old, new):
        draft.openapi["info"]["version"] = "1.4.0"
        draft.asyncapi["info"]["x-protocol-version"] = 1
    new.call("get", "/api/statistics")["deprecated"] = True
    add_field(new.body("CreateRoomRequest"), "topic")
    field(new.body("CreateRoomRequest"), "ttl_hours", maximum=100)
    new.body("RoomState")["enum"].append("paused")
    required(new.message("JoinPayload"), "display_name")
    new.message("ParticipantLeftPayload")["properties"]["reason"]["enum"].append("removed")
    new.message("PongPayload")["properties"]["server_time"]["description"] = "The service's clock."
    new.asyncapi["info"]["x-protocol-version"] = 2
    return told(compare(old.contract, new.contract), "v1.4.0")


def test_the_sample_on_the_page_is_what_the_command_prints() -> None:
    blocks: list[str] = re.findall(
        r"^```text\n(The wire since .*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert blocks == [sample()]
