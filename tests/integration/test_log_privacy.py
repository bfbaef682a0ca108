"""What must never be in a log: keys, tokens, descriptions, candidates, names (the log's own promise)."""

from __future__ import annotations

import json

import pytest

from support.service import LogWatch, Serve

SECRETS = {
    "name": "Ada-Lovelace-the-name",
    "user": "user-id-of-ada",
    "sdp": "v=0 secret-of-the-sdp",
    "candidate": "candidate:secret-of-the-candidate",
    "request": "request-id-of-ada",
    "query": "token-in-the-query",
    "cookie": "cookie-of-ada",
    "type": "type-nobody-knows",
    "close": "reason-of-the-close",
}


@pytest.mark.odd_frames("client")
async def test_a_busy_session_leaves_no_secret_in_the_log(serve: Serve) -> None:
    """Contract 5 and architecture, rules: any text a client sends is data: it is in no log line."""
    async with serve(LOG_LEVEL="DEBUG") as service:
        watch = LogWatch(service.server)
        code = await service.room(owner_id="owner-of-the-room")
        first = await service.connect(headers={"Cookie": SECRETS["cookie"]})
        token = (await first.join(code, display_name=SECRETS["name"], user_id=SECRETS["user"]))[
            "resume_token"
        ]
        second = await service.joined(code, display_name=SECRETS["name"])
        await first.send(
            "offer", {"to": second.socket_id, "description": {"type": "offer", "sdp": SECRETS["sdp"]}}
        )
        await first.send(
            "ice_candidate", {"to": second.socket_id, "candidate": {"candidate": SECRETS["candidate"]}}
        )
        await first.send("ping", request_id=SECRETS["request"])
        await first.send("resume", {"resume_token": token, "received": 1}, request_id=SECRETS["request"])
        await first.send(SECRETS["type"], {"display_name": SECRETS["name"]})
        await first.send_raw(json.dumps({"type": "join", "payload": {"room_code": SECRETS["name"]}}))
        await first.send_raw(SECRETS["sdp"])
        await first.settle()
        peer = await service.tcp()
        await peer.handshake(f"/ws?api_key={SECRETS['query']}")
        other = await service.tcp()
        await other.handshake(f"/nowhere?api_key={SECRETS['query']}")
        await service.rest.get(f"/api/rooms/{code}?token={SECRETS['query']}")
        await service.rest.get("/api/rooms", headers={"X-API-Key": "wrong-key-of-somebody"})
        await first.close(4000, SECRETS["close"])
        await second.settle()
        await watch.caught_up()
        log = "\n".join(service.server.lines)
    assert first.socket_id in log
    found = [
        secret
        for secret in [*SECRETS.values(), token, service.server.api_key, "wrong-key-of-somebody"]
        if secret in log
    ]
    assert not found
