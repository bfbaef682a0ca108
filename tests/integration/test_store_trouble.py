"""What a socket is told when the store cannot serve it, and when a room's record is damaged."""

from __future__ import annotations

from pathlib import Path

from support.rest import database
from support.server import ServerProcess
from support.service import Serve, Service


async def test_a_join_that_cannot_be_stored_may_be_tried_again(serve: Serve, tmp_path: Path) -> None:
    """Contract 3: server_error with retry_after; nothing was changed, and the socket goes on."""
    async with serve(data_dir=tmp_path) as service:
        code = await service.room()
        client = await service.connect()
        with database(tmp_path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            error = await client.ask("join", {"room_code": code})
            assert (error["type"], error["payload"]["code"]) == ("error", "server_error")
            assert error["payload"]["retry_after"] >= 1
            connection.execute("ROLLBACK")
        assert (await service.view(code))["participant_count"] == 0
        await client.settle()
        await client.join(code)
        assert (await service.view(code))["participant_count"] == 1


async def test_a_damaged_room_ends_the_socket_that_wants_in_and_no_other(tmp_path: Path) -> None:
    """Contract 3: server_error and 4004 for the one socket; everybody else goes on."""
    with ServerProcess(data_dir=tmp_path) as server:
        async with Service(server) as service:
            first, second = await service.couple()
            damaged = await service.room()
            with database(tmp_path) as connection:
                connection.execute("UPDATE rooms SET body = '{}' WHERE code = ?", (damaged,))
            await service.edited()
            client = await service.connect()
            error = await client.ask("join", {"room_code": damaged})
            assert (error["type"], error["payload"]["code"]) == ("error", "server_error")
            assert await client.closed() == 4004
            await first.send("ice_candidate", {"to": second.socket_id, "candidate": None})
            await second.until("ice_candidate")
            await service.healthy()
        server.wait_for_log(lambda entry: entry.get("level") == "error", "the fault in the log")
