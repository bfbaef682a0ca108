"""The rooms API: what a platform's backend calls."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Response, delete, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from signaling.contract.rest import (
    CreateRoomRequest,
    RoomCreated,
    RoomDeleted,
    RoomDetails,
    RoomList,
    RoomParticipant,
    RoomSummary,
    StatisticsCounts,
    StatisticsResponse,
)
from signaling.contract.types import (
    MAX_ID_LENGTH,
    ROOM_CODE_ALPHABET,
    ROOM_CODE_LENGTH,
    RoomState,
    wire_time,
)
from signaling.domain.room import Room
from signaling.rooms.codes import normal_code
from signaling.rooms.ports import RoomQuery
from signaling.rooms.service import NewRoom, RoomService
from signaling.telemetry.metrics import Metrics

RoomCodePath = Annotated[
    str,
    PathParameter(
        pattern="^[0-9A-Za-z]{6}$",
        min_length=ROOM_CODE_LENGTH,
        max_length=ROOM_CODE_LENGTH,
        description="The room's code, in any case.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description=(
            "Makes the call safe to repeat: the same key with the same body within 24 hours answers the same "
            "room. 1 to 255 printable ASCII characters without spaces; a UUID serves well."
        ),
    ),
]
StateFilter = Annotated[
    str | None,
    # Not declared as a RoomState: Litestar would take the text `null` for one left out.
    QueryParameter(
        name="state",
        required=False,
        pattern=rf"^({'|'.join(state.value for state in RoomState)})\Z",
        description="Only rooms in this state.",
    ),
]
OwnerFilter = Annotated[
    str | None,
    QueryParameter(
        required=False, min_length=1, max_length=MAX_ID_LENGTH, description="Only rooms of this owner."
    ),
]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many rooms to answer at most.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        required=False,
        # A room's `created_at` in milliseconds (13 digits until the year 2286), and its code.
        pattern=f"^[0-9]{{13}}-[{ROOM_CODE_ALPHABET}]{{{ROOM_CODE_LENGTH}}}$",
        max_length=20,
        description="`next_cursor` of the page before; left out, the first page. Opaque: do not make one.",
    ),
]

_NO_STORE = CacheControlHeader(no_store=True)


class RoomController(Controller):
    """Rooms: create, read, list, delete."""

    path = "/rooms"
    tags = ("Rooms",)
    cache_control = _NO_STORE

    @post(
        operation_id="create_room",
        summary="Create a room",
        response_description="The room exists and can be joined.",
    )
    async def create_room(
        self,
        rooms: NamedDependency[RoomService],
        metrics: NamedDependency[Metrics],
        data: JSONBody[CreateRoomRequest | None] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[RoomCreated]:
        """Make a room when a class is scheduled or a session starts.

        Hand the `room_code` of the answer to those who may join: they connect to `/ws` with it. The room
        takes participants until `expires_at`, or until it is deleted.

        A network can lose the answer. Send an `Idempotency-Key` to be able to repeat the call: the repetition
        answers the room that was made the first time, and says so with `Idempotency-Replayed`.
        """
        data = data or CreateRoomRequest()
        room, new = await rooms.create(
            NewRoom(owner_id=data.owner_id, ttl_hours=data.ttl_hours, max_participants=data.max_participants),
            idempotency_key,
        )
        body = RoomCreated(
            room_code=room.code,
            created_at=wire_time(room.created_at),
            expires_at=wire_time(room.expires_at),
            owner_id=room.owner_id,
        )
        headers = {"Location": f"/api/rooms/{room.code}"}
        if new:
            metrics.rooms_created.inc()
        else:
            headers["Idempotency-Replayed"] = "true"
        return Response(body, headers=headers)

    @get(
        operation_id="list_rooms",
        summary="List rooms",
        response_description="A page of rooms, newest first.",
    )
    async def list_rooms(
        self,
        rooms: NamedDependency[RoomService],
        room_state: StateFilter = None,
        owner_id: OwnerFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> RoomList:
        """All rooms that match, newest first, a page at a time.

        `total` counts all that match. To read on, ask again with the same filters and `cursor` set to
        `next_cursor`, until that is null. Rooms made meanwhile do not move the pages that follow.
        """
        now = rooms.now()
        page = await rooms.find(
            RoomQuery(
                now=now,
                limit=limit,
                state=None if room_state is None else RoomState(room_state),
                owner_id=owner_id,
                after=None if cursor is None else _read_cursor(cursor),
            )
        )
        return RoomList(
            rooms=[_summary(room.as_of(now)) for room in page.rooms],
            total=page.total,
            next_cursor=_write_cursor(page.rooms[-1]) if page.more else None,
        )

    @get(
        "/{room_code:str}",
        operation_id="get_room",
        summary="Get a room",
        response_description="The room, and who is in it.",
    )
    async def get_room(self, room_code: RoomCodePath, rooms: NamedDependency[RoomService]) -> RoomDetails:
        """Check a room's state, time and participants, before joining or for a dashboard.

        Closed and expired rooms are readable, too, until they are purged (after a week, unless the operator
        set another `ROOM_RETENTION_HOURS`).
        """
        return _details(await rooms.get(normal_code(room_code)))

    @delete(
        "/{room_code:str}",
        status_code=200,
        operation_id="delete_room",
        summary="Delete a room",
        response_description="The room has ended.",
    )
    async def delete_room(self, room_code: RoomCodePath, rooms: NamedDependency[RoomService]) -> RoomDeleted:
        """End a class by hand: everyone in it is told and let go, and nobody can join again.

        The room's state becomes `closed`; it stays readable until purged. Deleting a room that has ended
        answers the same and changes nothing.
        """
        code = normal_code(room_code)
        await rooms.close(code)
        return RoomDeleted(message=f"Room {code} deleted successfully")


@get(
    "/statistics",
    operation_id="get_statistics",
    tags=["Statistics"],
    summary="Get statistics",
    response_description="Counts over all rooms not yet purged.",
    cache_control=_NO_STORE,
)
async def get_statistics(rooms: NamedDependency[RoomService]) -> StatisticsResponse:
    """Figures for a dashboard: rooms by state, participants now and ever."""
    counts = await rooms.statistics()
    return StatisticsResponse(
        statistics=StatisticsCounts(
            total_rooms=counts.open_rooms + counts.closed_rooms + counts.expired_rooms,
            open_rooms=counts.open_rooms,
            closed_rooms=counts.closed_rooms,
            expired_rooms=counts.expired_rooms,
            total_participants=counts.total_participants,
            active_participants=counts.active_participants,
        )
    )


def _summary(room: Room) -> RoomSummary:
    return RoomSummary(
        room_code=room.code,
        state=room.state,
        participant_count=len(room.seats),
        max_participants=room.max_participants,
        created_at=wire_time(room.created_at),
        expires_at=wire_time(room.expires_at),
        owner_id=room.owner_id,
    )


def _details(room: Room) -> RoomDetails:
    return RoomDetails(
        room_code=room.code,
        created_at=wire_time(room.created_at),
        expires_at=wire_time(room.expires_at),
        state=room.state,
        participant_count=len(room.seats),
        max_participants=room.max_participants,
        participants=[
            RoomParticipant(
                socket_id=seat.socket_id,
                display_name=seat.display_name,
                user_id=seat.user_id,
                joined_at=wire_time(seat.joined_at),
                connection=seat.connection,
            )
            for seat in room.seats.values()
        ],
        owner_id=room.owner_id,
    )


def _write_cursor(room: Room) -> str:
    return f"{room.created_at}-{room.code}"


def _read_cursor(cursor: str) -> tuple[int, str]:
    created_at, _, code = cursor.partition("-")
    return int(created_at), code


ROOM_HANDLERS: list[Any] = [RoomController, get_statistics]
