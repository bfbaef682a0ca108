"""Prints the tables of the documentation from the code they describe.

``python docs/build.py`` writes them between the markers ``<!-- printed: NAME -->`` and
``<!-- end of NAME -->`` of the pages in this folder; what stands outside the markers is not touched.
``python docs/build.py --check`` writes nothing, names what differs and exits with 1.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))

from msgspec import Struct

from signaling import settings
from signaling.contract.errors import CLOSES, ERRORS, CloseCode, ErrorCode, SignalingError
from signaling.contract.types import LeftReason, RoomState
from signaling.domain import commands, session
from signaling.domain.commands import Command
from signaling.domain.events import RoomExpired
from signaling.domain.room import RULES, Room, decide, evolve_all
from signaling.domain.session import TRANSITIONS, Input, SessionState, transition
from signaling.telemetry.metrics import Metrics, Tallies

FOLDER: Final = Path(__file__).resolve().parent

_SECTION: Final = re.compile(
    r"^<!-- printed: (?P<name>[a-z-]+) -->\n(?P<body>.*?)^<!-- end of (?P=name) -->$",
    re.MULTILINE | re.DOTALL,
)

# ----------------------------------------------------------------------------------------------------
# What the code does not say: meanings of settings and metrics, for people


MEANINGS: Final[Mapping[str, str]] = {
    "API_KEY": (
        "The key, or several separated by commas, that REST callers may send in `X-API-Key`. Without "
        "one the service does not start. Keys shorter than 16 characters are warned of."
    ),
    "ALLOWED_ORIGINS": (
        "Origins whose pages may call the REST API (CORS) and open `/ws` (the `Origin` header), "
        "separated by commas: scheme and host, no path. `*` is any."
    ),
    "ROOM_TTL_HOURS": "Lifetime of a room whose creator gives no `ttl_hours`.",
    "MAX_PARTICIPANTS_PER_ROOM": "Seats of a room whose creator gives no `max_participants`.",
    "ROOM_RETENTION_HOURS": (
        "How long a closed or expired room stays readable before it is purged. Fixed for a room when "
        "it is created."
    ),
    "HOST": (
        "Address to listen on. `python -m signaling dev` (which is `make run`) listens on `127.0.0.1`"
        " instead."
    ),
    "PORT": "Port to listen on; 0 takes a free one, which the `listening` log line names.",
    "DATA_DIR": (
        "Folder of the database, relative to the working directory. Made if missing, for its owner "
        "only. One process at a time. Not used with `REDIS_URL`."
    ),
    "REDIS_URL": (
        "Where several nodes share their rooms: a Redis 7.0 or Valkey 7.2, or newer; see "
        "[operations.md](operations.md#several-nodes). Unset: one process keeps its rooms in `DATA_DIR`."
    ),
    "WEB_CONCURRENCY": (
        "Processes that serve on the port, each a node of its own; more than one needs `REDIS_URL`. "
        "See [operations.md](operations.md#several-workers-on-one-machine)."
    ),
    "TRUSTED_PROXIES": (
        "Addresses and networks of the reverse proxies whose `X-Forwarded-For` is believed, separated"
        " by commas; `none`, or `*` for whoever connects. It decides which client address a guessed "
        "room code is counted against: see [deploy.md](deploy.md#the-address-of-the-client)."
    ),
    "ICE_SERVERS": (
        "JSON array of `RTCIceServer` objects for the classroom page. Everybody who opens the page "
        "can read it."
    ),
    "LOG_FORMAT": (
        "`json`: one JSON object a line; `console`: for eyes. Without it, `console` on a terminal and"
        " `json` elsewhere."
    ),
    "LOG_LEVEL": "Least level that is logged. `python -m signaling dev` logs from `WARNING` on.",
    "METRICS_PUBLIC": (
        "`1`: `/metrics` needs no API key. Only where a network keeps strangers away from it."
    ),
    "DRAIN_SECONDS": (
        "How long a stop (SIGTERM) may take altogether. Give the process manager a little more."
    ),
    "MAX_FRAME_BYTES": (
        "Largest WebSocket message a client may send; above it the socket is closed with 1009."
    ),
    "OUTBOX_BYTES": (
        "What may wait for a socket that does not read; above it the socket is closed with 4003."
    ),
    "REPLAY_BYTES": (
        "What is kept of the frames sent to one seat, for a resume; frames that were received are forgotten. "
        "At most half of `OUTBOX_BYTES` counts. Over it, a resume tells `recovered: false`."
    ),
    "REPLAY_FRAMES": "The same in frames.",
    "RECONNECT_GRACE_SECONDS": (
        "How long a seat is kept after its line was lost, for `resume`; 0: it is not kept. It counts towards "
        "the room's capacity meanwhile."
    ),
    "JOIN_TIMEOUT_SECONDS": "How long a socket may be in no room; then it is closed with 4502.",
    "FRAMES_PER_SECOND": (
        "Sustained rate of messages from one socket. Above it the service reads more slowly; nothing "
        "is dropped. Each full 16 KiB of a message counts as one message more."
    ),
    "BURST_FRAMES": "Messages one socket may send at once after a calm time before that begins.",
    "UNKNOWN_CODES_PER_MINUTE": (
        "Joins with an unknown room code per client address (IPv6: per /64) within 60 seconds; then "
        "every join from there is answered `rate_limited`."
    ),
    "MAX_CONNECTIONS": "Open sockets of one process; above it a handshake is answered 503.",
    "PING_INTERVAL_SECONDS": "Time between the WebSocket pings that the service sends to each client.",
    "PING_TIMEOUT_SECONDS": "How long a client may be silent after a ping; then its line counts as lost.",
}

SHOWN_DEFAULTS: Final[Mapping[str, str]] = {
    "API_KEY": "none: required",
    "REDIS_URL": "unset",
    "LOG_FORMAT": "see there",
}
"""Where the default in the code is not what a reader should see."""

REQUIRED: Final[Mapping[str, str]] = {"API_KEY": "placeholder-for-what-is-required"}
"""What the service does not start without, as no default is good."""

RANGES: Final[Mapping[str, str]] = {
    "API_KEY": "printable ASCII, no spaces",
    "ALLOWED_ORIGINS": "origins, or `*`",
    "HOST": "an address",
    "DATA_DIR": "a path",
    "REDIS_URL": "`redis://`, `rediss://` (TLS) or `unix://`",
    "TRUSTED_PROXIES": "addresses and networks, `*`, `none`",
    "ICE_SERVERS": "JSON",
}
"""What a setting takes that is neither a number nor a choice."""

LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "MAX_FRAME_BYTES": ("Size of a message from a client, in bytes", "close 1009"),
    "JOIN_TIMEOUT_SECONDS": ("Seconds a socket may be in no room", "close 4502"),
    "OUTBOX_BYTES": ("Bytes that wait for a client that does not read", "close 4003, for this client only"),
    "RECONNECT_GRACE_SECONDS": (
        "Seconds a seat is kept after its line was lost",
        "`participant_left` `connection_lost`; `resume` answers `resume_failed`",
    ),
    "REPLAY_BYTES": (
        "Bytes kept of what was sent to a seat, for a resume",
        "`resumed` with `recovered` false",
    ),
    "FRAMES_PER_SECOND": ("Messages a second from one socket, sustained", "slowed down; nothing is dropped"),
    "BURST_FRAMES": (
        "Messages from one socket at once, after a calm time",
        "slowed down; nothing is dropped",
    ),
    "UNKNOWN_CODES_PER_MINUTE": (
        "Joins with an unknown code, per client address and minute",
        "`error` `rate_limited` with `retry_after`",
    ),
    "MAX_CONNECTIONS": ("Open sockets of one process", "handshake answered 503 with `Retry-After`"),
}
"""The settings an integrator runs into: what is bounded, and what happens above the bound."""


# ----------------------------------------------------------------------------------------------------
# Settings


class Setting(Struct, frozen=True):
    """One environment variable as `Settings.from_environment` reads it."""

    name: str
    default: str
    allowed: str


def read_settings() -> list[Setting]:
    """Every variable the service reads, in its order, found by watching it read an empty environment."""
    found: list[Setting] = []
    base: Any = settings._Reader

    class Watching(base):  # type: ignore[misc]
        def integer(self, name: str, default: int, low: int, high: int) -> int:
            found.append(Setting(name, f"`{default}`", f"{low} to {high}"))
            return default

        def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
            found.append(Setting(name, f"`{default}`", ", ".join(f"`{value}`" for value in allowed)))
            return default

        def parsed(self, name: str, default: str, parse: Callable[[str], Any]) -> Any:
            found.append(Setting(name, f"`{default}`", RANGES.get(name, "")))
            return parse(REQUIRED.get(name, default))

    with mock.patch.object(settings, "_Reader", Watching):
        settings.Settings.from_environment({})
    return found


def settings_table() -> str:
    """Every environment variable: default, range, meaning."""
    found = read_settings()
    _same_names("MEANINGS", MEANINGS, [setting.name for setting in found])
    return _table(
        ("Variable", "Default", "Takes", "Meaning"),
        [
            (
                f"`{entry.name}`",
                SHOWN_DEFAULTS.get(entry.name, entry.default),
                entry.allowed,
                MEANINGS[entry.name],
            )
            for entry in found
        ],
    )


def limits_table() -> str:
    """The bounds a client can meet."""
    defaults = {setting.name: setting.default for setting in read_settings()}
    unknown = set(LIMITS) - set(defaults)
    if unknown:
        raise LookupError(f"docs/build.py: LIMITS names what is no setting: {sorted(unknown)}")
    return _table(
        ("What is bounded", "Default", "Above it", "Setting"),
        [(what, defaults[name].strip("`"), above, f"`{name}`") for name, (what, above) in LIMITS.items()],
    )


# ----------------------------------------------------------------------------------------------------
# Codes


def errors_table() -> str:
    """Every error code. Raises LookupError for one that the registry has no entry of."""
    _same_names(
        "ERRORS", {code.name: info for code, info in ERRORS.items()}, [code.name for code in ErrorCode]
    )
    return _table(
        ("`code`", "REST status", "In an `error` frame", "Retry", "Meaning"),
        [
            (
                f"`{code.value}`",
                str(info.http_status or ""),
                "yes" if info.on_socket else "",
                "yes" if info.retry else "no",
                info.meaning,
            )
            for code, info in ERRORS.items()
        ],
    )


def closes_table() -> str:
    """Every close code of the service's own. Raises LookupError for one without a meaning."""
    _same_names(
        "CLOSES", {code.name: text for code, text in CLOSES.items()}, [code.name for code in CloseCode]
    )
    return _table(
        ("Code", "Name", "Reconnect", "Meaning"),
        [
            (str(int(code)), f"`{code.name.lower()}`", "yes" if code.reconnect else "no", meaning)
            for code, meaning in CLOSES.items()
        ],
    )


# ----------------------------------------------------------------------------------------------------
# Metrics


def metrics_table() -> str:
    """Every metric of the service's own, as it is exposed."""
    rows = []
    for kept in vars(Metrics()).values():
        metric = kept.counter if isinstance(kept, Tallies) else kept
        # The library has no public way to ask a metric for its label names before it has values.
        name, kind = getattr(metric, "_name", None), getattr(metric, "_type", None)
        if name is None or kind is None:
            continue
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        exposed = f"{name}_total" if kind == "counter" else name
        rows.append((f"`{exposed}`", kind, labels, metric._documentation))
    return _table(("Name", "Type", "Labels", "Meaning"), rows)


# ----------------------------------------------------------------------------------------------------
# The room: found by asking `decide` about rooms of every kind

_US: Final = "us"
_START: Final = 1_000
_EXPIRY: Final = 2_000
_PURGE: Final = 10_000

_COMMANDS: Final[Mapping[type[Any], Command]] = {
    commands.Create: commands.Create(
        code="a7x9k2", owner_id=None, ttl=_EXPIRY - _START, max_participants=2, retention=1_000
    ),
    commands.Join: commands.Join(socket_id=_US, display_name="Guest", user_id=None, node="node"),
    commands.Leave: commands.Leave(socket_id=_US, generation=2, reason=LeftReason.LEFT),
    commands.LoseLine: commands.LoseLine(socket_id=_US, generation=2, grace=100),
    commands.Resume: commands.Resume(socket_id=_US, generation=2, node="node"),
    commands.Regain: commands.Regain(socket_id=_US, generation=2, node="node"),
    commands.NodeLost: commands.NodeLost(node="node", grace=100),
    commands.Close: commands.Close(),
    commands.Tick: commands.Tick(),
}


def _after(room: Room | None, command: Command, now: int) -> Room | None:
    return evolve_all(room, decide(room, command, now))


def _join(room: Room | None, socket_id: str) -> Room | None:
    return _after(
        room, commands.Join(socket_id=socket_id, display_name="Guest", user_id=None, node="node"), _START
    )


def _open_rooms() -> list[Room | None]:
    """An empty room, one with us in it, a full one, and one that keeps our seat."""
    empty = _after(None, _COMMANDS[commands.Create], _START)
    ours = _join(empty, _US)
    lost = _after(ours, _COMMANDS[commands.LoseLine], _START)
    return [empty, ours, _join(_join(empty, "one"), "two"), lost]


def _columns() -> dict[str, tuple[list[Room | None], tuple[int, ...]]]:
    """Title of each column of the room table to its rooms, and the times at which they are asked."""
    rooms = _open_rooms()
    return {
        "no room": ([None], (_START,)),
        "`open`": (rooms, (_START, _START + 100)),
        "`open`, its time over": (rooms, (_EXPIRY,)),
        "`closed`": ([_after(room, commands.Close(), _START) for room in rooms], (_START, _PURGE)),
        "`expired`": ([_expired(room) for room in rooms], (_EXPIRY, _PURGE)),
    }


def _expired(room: Room | None) -> Room | None:
    assert room is not None
    return evolve_all(room, [RoomExpired(version=room.version + 1, at=_EXPIRY)])


def _outcome(room: Room | None, command: Command, now: int) -> str:
    events: list[str] = []
    try:
        events = [f"`{event.__struct_config__.tag}`" for event in decide(room, command, now)]
    except SignalingError as error:
        return f"refused: `{error.code.value}`"
    return " + ".join(events) if events else "nothing to do"


def room_table() -> str:
    """What each command leads to in each state."""
    columns = _columns()
    _same_names("_COMMANDS", {kind.__name__: 0 for kind in _COMMANDS}, {kind.__name__ for _, kind in RULES})
    rows = []
    for kind, command in _COMMANDS.items():
        cells = [f"`{kind.__name__}`"]
        for rooms, times in columns.values():
            outcomes = [_outcome(room, command, now) for now in times for room in rooms]
            cells.append("<br>".join(dict.fromkeys(outcomes)))
        rows.append(tuple(cells))
    return _table(("Command", *columns), rows)


def room_diagram() -> str:
    """The states of a room, and the commands that change them."""
    arrows: dict[tuple[str, str], list[str]] = {}
    starts: list[tuple[RoomState | None, list[Room | None], tuple[int, ...]]] = [
        (None, [None], (_START,)),
        (RoomState.OPEN, _open_rooms(), (_START, _EXPIRY)),
        (
            RoomState.CLOSED,
            [_after(room, commands.Close(), _START) for room in _open_rooms()],
            (_START, _PURGE),
        ),
        (RoomState.EXPIRED, [_expired(room) for room in _open_rooms()], (_EXPIRY, _PURGE)),
    ]
    for state, rooms, times in starts:
        for kind, command in _COMMANDS.items():
            for now in times:
                after = {_state_after(room, command, now) for room in rooms}
                for target in sorted(after - {state, _REFUSED}, key=str):
                    label = "its time is over" if target is RoomState.EXPIRED else kind.__name__
                    labels = arrows.setdefault((_node(state), _node(target)), [])
                    if label not in labels:
                        labels.append(label)
    lines = [f"    {start} --> {end}: {', '.join(labels)}" for (start, end), labels in arrows.items()]
    return _diagram(lines)


_REFUSED: Final = "refused"


def _state_after(room: Room | None, command: Command, now: int) -> RoomState | str | None:
    try:
        after = _after(room, command, now)
    except SignalingError:
        return _REFUSED
    return None if after is None else after.state


def _node(state: RoomState | str | None) -> str:
    return state.value if isinstance(state, RoomState) else "[*]"


# ----------------------------------------------------------------------------------------------------
# The session


def session_table() -> str:
    """The state after each input, or how it is refused."""
    rows = []
    for input_ in Input:
        cells = [f"`{input_.value}`" if input_.value in session.MESSAGES else input_.value]
        for state in SessionState:
            try:
                cells.append(transition(state, input_).value)
            except SignalingError as error:
                takes_messages = state in session.REFUSALS and input_.value in session.MESSAGES
                cells.append(f"`{error.code.value}`" if takes_messages else "")
        rows.append(tuple(cells))
    return _table(("Input", *(state.value for state in SessionState)), rows)


def session_diagram() -> str:
    """The states of a session, and what leads from one to the next."""
    lines = [f"    [*] --> {SessionState.LOBBY.value}: connected"]
    for state, row in TRANSITIONS.items():
        targets: dict[SessionState, list[str]] = {}
        for input_, target in row.items():
            targets.setdefault(target, []).append(input_.value)
        lines += [
            f"    {state.value} --> {target.value}: {', '.join(inputs)}" for target, inputs in targets.items()
        ]
        if not row:
            lines.append(f"    {state.value} --> [*]")
    return _diagram(lines)


# ----------------------------------------------------------------------------------------------------
# Printing


SECTIONS: Final[Mapping[str, Callable[[], str]]] = {
    "close-codes": closes_table,
    "error-codes": errors_table,
    "limits": limits_table,
    "metrics": metrics_table,
    "room-diagram": room_diagram,
    "room-table": room_table,
    "session-diagram": session_diagram,
    "session-table": session_table,
    "settings": settings_table,
}
"""What can stand between markers."""


def printed(page: str, name_of_page: str) -> str:
    """The page with its printed sections as they should be; LookupError for a section nobody prints."""

    def replace(section: re.Match[str]) -> str:
        name = section["name"]
        if name not in SECTIONS:
            raise LookupError(f"{name_of_page}: docs/build.py prints no section {name!r}")
        return f"<!-- printed: {name} -->\n\n{SECTIONS[name]()}\n\n<!-- end of {name} -->"

    return _SECTION.sub(replace, page)


def differences(folder: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """Each page that is not as printed: its path, its text as it should be, and a unified diff."""
    used: set[str] = set()
    for page in sorted(folder.glob("*.md")):
        now = page.read_text(encoding="utf-8")
        used |= {section["name"] for section in _SECTION.finditer(now)}
        marks = now.count("<!-- printed: ") + now.count("<!-- end of ")
        if marks != 2 * len(_SECTION.findall(now)):
            raise LookupError(f"{page.name}: a marker has no counterpart")
        then = printed(now, page.name)
        if then != now:
            diff = difflib.unified_diff(
                now.splitlines(),
                then.splitlines(),
                f"{page.name} as it is",
                f"{page.name} as printed",
                lineterm="",
                n=0,
            )
            yield page, then, list(diff)
    unused = set(SECTIONS) - used
    if unused:
        raise LookupError(f"no page shows: {', '.join(sorted(unused))}")


def main(arguments: list[str] | None = None) -> int:
    """Print, or check. The exit code."""
    parser = argparse.ArgumentParser(
        prog="python docs/build.py", description="Print the tables of the documentation."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if something differs"
    )
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the pages are")
    options = parser.parse_args(arguments)
    try:
        changed = list(differences(options.folder))
    except LookupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for page, text, diff in changed:
        if options.check:
            sys.stderr.write("\n".join(diff) + "\n")
        else:
            page.write_text(text, encoding="utf-8")
            sys.stdout.write(f"printed {page.name}\n")
    if options.check and changed:
        names = ", ".join(page.name for page, _, _ in changed)
        sys.stderr.write(f"Not as printed: {names}. To print them again: make contract\n")
        return 1
    return 0


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _diagram(lines: list[str]) -> str:
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _same_names(what: str, ours: Mapping[str, Any], theirs: Any) -> None:
    missing, stale = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    if missing or stale:
        raise LookupError(
            f"docs/build.py: {what} lacks {missing or 'nothing'}, and has too many: {stale or 'none'}"
        )


if __name__ == "__main__":
    sys.exit(main())
