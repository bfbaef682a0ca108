/**
 * A chat over data channels, as an integrator writes it with the package: `?ws=wss://...&room=a7x9k2&name=Jo`.
 */

import { PeerMesh, RoomSession, SignalingError } from "webrtc-signaling-client";
import type { Ending, PeerConnection } from "webrtc-signaling-client";
import type { RoomDetails } from "webrtc-signaling-client/rest";

const asked = new URLSearchParams(location.search);
const name = asked.get("name") ?? "Guest";

const session = new RoomSession(asked.get("ws") ?? "", { room_code: asked.get("room") ?? "", display_name: name });
const channels = new Map<PeerConnection, RTCDataChannel>();

const mesh = new PeerMesh(session, {
  prepare: (peer) => {
    const channel = peer.connection.createDataChannel("chat", { negotiated: true, id: 0 });
    channel.onopen = () => channel.send(`${name} is here`);
    channel.onmessage = ({ data }) => list("#said", String(data));
    channels.set(peer, channel);
  },
});
mesh.addEventListener("peer_removed", ({ peer }) => channels.delete(peer));

for (const type of ["joined", "participant_joined", "participant_left", "reconnected"] as const) {
  session.addEventListener(type, showPeople);
}
session.addEventListener("reconnecting", () => say("reconnecting"));
session.addEventListener("reconnected", ({ recovered }) => say(recovered ? "back" : "back, something was missed"));
session.addEventListener("ended", ({ ending }) => say(`over: ${wordsFor(ending)}`));

session.join().then(
  ({ room_code: code }) => say(`in room ${code}`),
  (error: unknown) => say(error instanceof SignalingError ? `refused: ${error.code}` : "no connection"),
);

function wordsFor(ending: Ending): string {
  switch (ending.kind) {
    case "room_left":
      return ending.reason;
    case "close":
      return `closed with ${ending.code}`;
    case "error":
      return ending.code;
  }
}

/** The type of the REST API and that of the messages fit together. */
function showPeople(): void {
  const people: Pick<RoomDetails["participants"][number], "display_name">[] = [...session.participants.values()];
  document.querySelector("#people")?.replaceChildren(...people.map((person) => item(person.display_name)));
}

function list(selector: string, text: string): void {
  document.querySelector(selector)?.append(item(text));
}

function item(text: string): HTMLElement {
  return Object.assign(document.createElement("li"), { textContent: text });
}

function say(text: string): void {
  const status = document.querySelector("#status");
  if (status) status.textContent = text;
}

Object.assign(window, { leave: () => session.leave(), sayToAll });

function sayToAll(text: string): void {
  for (const channel of channels.values()) if (channel.readyState === "open") channel.send(text);
}
