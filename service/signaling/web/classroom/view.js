/**
 * The call's screen: what is around the pictures, and everything that is said there.
 */

import { announce } from "./announcer.js";
import { find, setText, shownName } from "./elements.js";
import { Notices } from "./notices.js";
import { People } from "./people.js";
import { showPickers } from "./pickers.js";
import { Speaking } from "./speaking.js";
import { Tiles } from "./tiles.js";
import { wordsForDeparture, wordsForDevice, wordsForUnreachable } from "./words.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./call.js").Member} Member */

const COPIED_FOR = 2_500;

/** Events: `leave`. */
export class CallView extends EventTarget {
  #people = new People();
  #banner = find("#banner");
  #notices = new Notices();
  #settings = /** @type {HTMLDialogElement} */ (find("#settings"));
  #share = /** @type {HTMLDialogElement} */ (find("#share"));
  /** @type {Call | null} */
  #call = null;
  #ownId = "";
  #ownName = "";
  #link = "";
  /** Whose connection has failed, so that it is said once. @type {Set<string>} */
  #failed = new Set();

  /**
   * @param {import("./devices.js").LocalMedia} media
   * @param {import("./meter.js").MicrophoneMeter} meter
   */
  constructor(media, meter) {
    super();
    this.media = media;
    this.tiles = new Tiles(find("#tiles"), {
      retry: (id) => this.#call?.retry(id),
      silenced: () => this.#silence(),
    });
    this.speaking = new Speaking(meter, (id, speaking) => this.tiles.setSpeaking(id, speaking));
    showPickers(find("#call-devices"), media, meter);
    media.addEventListener("change", () => this.#showOwnDevices());
    find("#leave").addEventListener("click", () => this.dispatchEvent(new Event("leave")));
    find("#copy-link").addEventListener("click", () => this.#copyLink());
    find("#settings-open").addEventListener("click", () => this.#settings.showModal());
    for (const dialog of [this.#settings, this.#share]) {
      find("[data-close]", dialog).addEventListener("click", () => dialog.close());
    }
    media.addEventListener("problem", (event) => this.#showProblem(/** @type {any} */ (event).kind));
  }

  /**
   * Show a call that was just joined.
   *
   * @param {Call} call
   * @param {{ code: string, name: string, link: string }} room
   */
  open(call, { code, name, link }) {
    this.#call = call;
    this.#ownName = name;
    this.#link = link;
    setText(find("#room-code"), code);
    call.addEventListener("added", (event) => this.#added(/** @type {any} */ (event).member));
    call.addEventListener("changed", (event) => this.#show(/** @type {any} */ (event).member));
    call.addEventListener("removed", (event) => {
      const { member, reason } = /** @type {any} */ (event);
      this.#removed(member, reason);
    });
  }

  /**
   * Say who we are in the room, and show who was there already.
   *
   * @param {string} id
   * @param {number} others how many that are
   */
  enter(id, others) {
    announce(`You are in the room. ${count(others, "other participant")}`);
    this.#takePlace(id);
  }

  /** Back after a lost connection: in the same place, or in a new one. @param {string} id */
  comeBack(id) {
    this.showBanner("");
    announce("You are back in the room");
    if (id === this.#ownId) return;
    this.tiles.remove(this.#ownId);
    this.#people.remove(this.#ownId);
    this.#takePlace(id);
  }

  /** @param {string} id */
  #takePlace(id) {
    this.#ownId = id;
    this.#showSelf();
    if (this.#call) this.speaking.watch(this.#call, id);
  }

  /** Take everything down. */
  close() {
    this.#call = null;
    this.#ownId = "";
    this.speaking.stop();
    this.tiles.clear();
    this.#people.clear();
    this.#failed.clear();
    this.showBanner("");
    this.#notices.clear();
    this.#settings.close();
    this.#share.close();
  }

  /** Show how things are, calmly; "" when they are well. @param {string} words */
  showBanner(words) {
    if (this.#banner.hidden === !words && find("#banner-words").textContent === words) return;
    this.#banner.hidden = !words;
    setText(find("#banner-words"), words);
    if (words) announce(words);
  }

  /** @param {Member} member */
  #added(member) {
    this.#show(member);
    // Whoever was there before us is counted, not named one by one.
    if (!member.participant.polite) announce(`${nameOf(member)} joined`);
  }

  /** @param {Member} member */
  #show(member) {
    const id = member.participant.socket_id;
    const state = this.#call?.stateOf(member) ?? "connecting";
    const name = nameOf(member);
    const arrived = state !== "connecting";
    const content = {
      name,
      self: false,
      stream: member.peer.stream,
      camera: member.camera && member.peer.receives("video"),
      microphone: !arrived || (member.microphone && member.peer.receives("audio")),
      state,
    };
    this.tiles.set(id, content);
    this.#people.set(id, content);
    this.#showFailure(id, name, state === "failed");
  }

  /** @param {string} id @param {string} name @param {boolean} failed */
  #showFailure(id, name, failed) {
    if (failed === this.#failed.has(id)) return;
    if (failed) {
      this.#failed.add(id);
      this.#notices.raise(id, wordsForUnreachable(name));
    } else {
      this.#failed.delete(id);
      this.#notices.settle(id);
    }
  }

  /** @param {Member} member @param {string} reason */
  #removed(member, reason) {
    const id = member.participant.socket_id;
    this.#showFailure(id, "", false);
    this.tiles.remove(id);
    this.#people.remove(id);
    announce(wordsForDeparture(nameOf(member), reason));
  }

  #showSelf() {
    if (!this.#ownId) return;
    /** @type {import("./tiles.js").TileContent} */
    const content = {
      name: this.#ownName,
      self: true,
      stream: this.media.stream,
      camera: this.media.live("video"),
      microphone: this.media.live("audio"),
      state: "connected",
    };
    this.tiles.set(this.#ownId, content);
    this.#people.set(this.#ownId, content);
  }

  /** Say why a device stopped or did not start during the call. @param {import("./devices.js").Kind} kind */
  #showProblem(kind) {
    const problem = this.media.problem(kind);
    if (this.#ownId && problem) this.#notices.raise(kind, wordsForDevice(problem, kind));
  }

  #showOwnDevices() {
    this.#showSelf();
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      if (!this.media.problem(kind)) this.#notices.settle(kind);
    }
  }

  async #copyLink() {
    try {
      await navigator.clipboard.writeText(this.#link);
      const label = find("#copy-link span");
      setText(label, "Link copied");
      announce("Link copied");
      setTimeout(() => setText(label, "Copy link"), COPIED_FOR);
    } catch {
      const field = /** @type {HTMLInputElement} */ (find("#share-link"));
      field.value = this.#link;
      this.#share.showModal();
      field.select();
    }
  }

  #silence() {
    this.#notices.raise("sound", "Your browser holds the sound back. Click anywhere to hear the others.");
    const resume = () => {
      this.tiles.resume();
      this.#notices.settle("sound");
    };
    document.addEventListener("pointerdown", resume, { once: true });
  }
}

/** @param {Member} member */
function nameOf({ participant }) {
  return shownName(participant.display_name);
}

/** @param {number} number @param {string} noun */
function count(number, noun) {
  return number === 0 ? `No ${noun}s yet` : `${number} ${noun}${number === 1 ? "" : "s"}`;
}
