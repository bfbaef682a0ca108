"""Generates the TypeScript SDK's types from the service's contract, and compiles it for the classroom page.

    python -m sdk.generate_typescript            writes sdk/typescript/src/generated and the page's client/
    python -m sdk.generate_typescript --check    fails, with the difference, if these are not what it writes

Needs Node, and the generators in sdk/typescript/node_modules: `make contract` sees to both. Asks no network.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from sdk.generate import Schema, answers_of, differences, messages_schema, opened

SDK: Final = Path(__file__).resolve().parent / "typescript"
GENERATED: Final = SDK / "src" / "generated"
CLIENT: Final = SDK.parents[1] / "service" / "signaling" / "web" / "classroom" / "client"

_BANNER: Final = (
    "// Compiled from sdk/typescript/src/{source}, never edited: `make contract` writes it anew.\n"
)

_TYPES_ONLY: Final = re.compile(r"(\s|/\*.*?\*/|export \{\};)*", re.DOTALL)
"""What is left of a module that declares types and nothing else."""


def main() -> int:
    """Write the two folders, or check them. The exit status."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments.add_argument("--generated", type=Path, default=GENERATED, help=argparse.SUPPRESS)
    arguments.add_argument("--client", type=Path, default=CLIENT, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="sdk-") as folder:
        generated, client = Path(folder) / "generated", Path(folder) / "client"
        generate_types(generated)
        if given.check:
            # What is committed is compiled, with the types that should be: a fault in them is told by itself.
            compile_client(generated, client)
            faults = [*differences(given.generated, generated), *differences(given.client, client)]
            for fault in faults:
                sys.stderr.write(f"{fault}\n")
            if faults:
                sys.stderr.write("The TypeScript SDK is not what the contract says. Run: make contract\n")
            return 1 if faults else 0
        compile_client(generated, client)
        _replace(given.generated, generated)
        _replace(given.client, client)
    return 0


def generate_types(folder: Path) -> None:
    """Write the types of messages and REST bodies to ``folder``."""
    from signaling.contract.schemas import message_schema
    from signaling.web.docs import openapi_document

    client, server = message_schema("client-message"), message_schema("server-message")
    schema = messages_schema(client, server, open_values=_open_message_value)
    document = copy.deepcopy(openapi_document())
    opened(
        document["components"]["schemas"],
        answers_of(document),
        "#/components/schemas/",
        open_values=_open_rest_value,
    )
    with tempfile.TemporaryDirectory(prefix="sdk-") as work:
        messages, openapi = Path(work) / "messages.json", Path(work) / "openapi.json"
        messages.write_text(json.dumps(schema))
        openapi.write_text(json.dumps(document))
        _node("generate.mjs", str(messages), str(openapi), str(folder))


def compile_client(generated: Path, folder: Path) -> None:
    """Compile the SDK with these types into ``folder``: each module that has code, as it was written."""
    with tempfile.TemporaryDirectory(prefix="sdk-") as work:
        source, compiled = Path(work) / "src", Path(work) / "out"
        shutil.copytree(SDK / "src", source, ignore=shutil.ignore_patterns("generated"))
        shutil.copytree(generated, source / "generated")
        shutil.copy(SDK / "tsconfig.json", work)
        # A package.json says that these are ES modules.
        (Path(work) / "package.json").write_text('{"type": "module"}')
        _node(
            "node_modules/typescript/bin/tsc",
            *("--project", work, "--outDir", str(compiled), "--declaration", "false"),
        )
        for file in sorted(compiled.rglob("*.js")):
            code = file.read_text()
            if _TYPES_ONLY.fullmatch(code):
                continue
            target = folder / file.relative_to(compiled)
            target.parent.mkdir(parents=True, exist_ok=True)
            name = file.relative_to(compiled).with_suffix(".ts").as_posix()
            target.write_text(_BANNER.format(source=name) + code)


def _open_message_value(field: Schema, values: list[str], name: str | None) -> None:
    known = name or " | ".join(json.dumps(value) for value in values)
    field["tsType"] = f"{known} | (string & {{}})"


def _open_rest_value(field: Schema, values: list[str], _name: str | None) -> None:
    field |= {"type": "string", "x-known-values": values}


def _replace(target: Path, fresh: Path) -> None:
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(fresh, target)


def _node(script: str, *arguments: str) -> None:
    """Run a script of the SDK's folder. Says what is missing where it cannot."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("There is no `node` here: install Node 18 or newer (apt-get install nodejs npm)")
    if not (SDK / "node_modules").is_dir():
        raise SystemExit(f"{SDK / 'node_modules'} is missing. Run: make node-modules")
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        [node, str(SDK / script), *arguments], cwd=SDK, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{script} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
