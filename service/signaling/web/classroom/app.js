/**
 * The classroom page: from the lobby into a call, and out of it.
 */

import { Call } from "./call.js";
import { RoomSession, SignalingError } from "./client/index.js";
import { bindShortcuts, bindToggles } from "./controls.js";
import { LocalMedia } from "./devices.js";
import { find, setText, shownName } from "./elements.js";
import { Expiry } from "./expiry.js";
import { linkTo, socketOf } from "./link.js";
import { Lobby } from "./lobby.js";
import { MicrophoneMeter } from "./meter.js";
import { CallView } from "./view.js";
import { keepAwake } from "./wake.js";
import { UNREACHABLE, UNSUPPORTED, wordsForClose, wordsForError, wordsForRoomLeft } from "./words.js";

/** @typedef {import("./client/index.js").Ending} Ending */
/** @typedef {import("./words.js").Words} Words */
/** @typedef {"lobby" | "call" | "end"} Screen */

const media = new LocalMedia();
const meter = new MicrophoneMeter(media);
const lobby = new Lobby(media, meter);
const view = new CallView(media, meter);
const expiry = new Expiry((words) => view.showBanner(words));

/** @type {Screen} */
let screen = "lobby";
/** @type {RoomSession | null} */
let session = null;
/** @type {Call | null} */
let call = null;
let asked = { name: "", code: "" };
let joining = false;

/**
 * The servers this deployment names; without any, calls still work within one network.
 *
 * @type {Promise<RTCIceServer[]>}
 */
const iceServersKnown = fetch("/classroom/config.json")
  .then((response) => response.json())
  .then((config) => (config.ice_servers ?? []).filter(isUsable))
  .catch(() => []);

/** One server that is written wrongly must not cost everybody the call. @param {RTCIceServer} server */
function isUsable(server) {
  try {
    new RTCPeerConnection({ iceServers: [server] }).close();
    return true;
  } catch (error) {
    console.warn(`An ICE server of this service cannot be used: ${error}`);
    return false;
  }
}

/** @param {Screen} next */
function show(next) {
  screen = next;
  for (const name of ["loading", "lobby", "call", "end"]) find(`#${name}`).hidden = name !== next;
  document.title = next === "call" ? `Room ${asked.code} - Classroom` : "Classroom";
  keepAwake(next === "call");
}

/** Join, from the lobby or again from the end. */
async function join() {
  if (joining) return;
  joining = true;
  lobby.setBusy(true);
  const iceServers = await iceServersKnown;
  const stay = new RoomSession(socketOf(location.href), {
    room_code: asked.code,
    ...(asked.name && { display_name: asked.name }),
  });
  // Before the call listens: the view must be open when its first members come.
  stay.addEventListener("joined", ({ joined }) => entered(stay, talk, joined));
  const talk = new Call({ session: stay, media, iceServers });
  stay.addEventListener("reconnecting", () => view.showBanner("Connection lost. Reconnecting…"));
  stay.addEventListener("reconnected", () => {
    view.comeBack(stay.socketId);
    watchExpiry(stay);
  });
  stay.addEventListener("ended", ({ ending }) => ended(ending));
  session = stay;
  call = talk;
  try {
    await stay.join();
  } catch (error) {
    talk.close();
    refused(error);
  } finally {
    joining = false;
  }
}

/**
 * In the room.
 *
 * @param {RoomSession} stay
 * @param {Call} talk
 * @param {import("./client/index.js").RoomJoinedPayload} joined
 */
function entered(stay, talk, joined) {
  const link = linkTo(location.href, joined.room_code);
  history.replaceState(null, "", link);
  lobby.setBusy(false);
  lobby.clearProblem();
  view.open(talk, { code: joined.room_code, name: shownName(asked.name), link });
  show("call");
  find("#call-title").focus();
  view.showBanner("");
  view.enter(stay.socketId, stay.participants.size);
  watchExpiry(stay);
}

/** @param {RoomSession} stay */
function watchExpiry(stay) {
  const { expires_at: end = "" } = stay.joined ?? {};
  stay.clockOffset().then((offset) => expiry.watch(end, offset), () => {});
}

/** Joining did not work. @param {unknown} error */
function refused(error) {
  const isRefusal = error instanceof SignalingError;
  const words = isRefusal ? wordsForError(error.code) : UNREACHABLE;
  // What can be put right in the lobby is said there.
  const stays = !isRefusal || words.next === "code" || ["rate_limited", "server_error"].includes(error.code);
  if (!stays) {
    end(words);
    return;
  }
  if (screen !== "lobby") toLobby();
  lobby.showProblem(words, isRefusal ? error.retryAfter : null);
}

/** The stay in the room is over. @param {Ending} ending */
function ended(ending) {
  if (ending.kind === "room_left") end(wordsForRoomLeft(ending.reason));
  else if (ending.kind === "close") end(wordsForClose(ending.code));
  else end(wordsForError(ending.code));
}

/** @param {Words} words */
function end({ title, text, next = "rejoin" }) {
  call?.close();
  expiry.stop();
  view.close();
  media.stop();
  lobby.setBusy(false);
  setText(find("#end-title"), title);
  setText(find("#end-words"), text);
  const rejoin = find("#rejoin");
  rejoin.hidden = next === "none" || next === "code";
  setText(rejoin, next === "retry" ? "Try again" : "Join again");
  show("end");
  find("#end-title").focus();
}

function toLobby() {
  show("lobby");
  lobby.clearProblem();
  lobby.focus();
  media.start();
}

lobby.addEventListener("join", (event) => {
  const { name, code } = /** @type {any} */ (event);
  asked = { name, code };
  if ("RTCPeerConnection" in window) join();
  else lobby.showProblem(UNSUPPORTED);
});
view.addEventListener("leave", () => session?.leave());
find("#to-lobby").addEventListener("click", toLobby);
find("#rejoin").addEventListener("click", () => {
  setText(find("#rejoin"), "Joining…");
  // Not waited for: whoever does not answer the browser's question is in the room without devices until then.
  media.start();
  join();
});

bindToggles(media);
bindShortcuts(media, () => screen === "call");
toLobby();
