/**
 * The pictures of the participants: one tile each, the own one first.
 */

import { find, fromTemplate, paintAvatar, setText } from "./elements.js";
import { bestGrid } from "./layout.js";

/**
 * What a tile shows.
 *
 * @typedef {object} TileContent
 * @property {string} name
 * @property {boolean} self
 * @property {MediaStream} stream
 * @property {boolean} camera whether there is a picture to show
 * @property {boolean} microphone
 * @property {import("./client/index.js").PeerState} state
 */

const STATES = { connecting: "Connecting…", connected: "", reconnecting: "Reconnecting…", failed: "No connection" };
const GAP = 10;

export class Tiles {
  /** @type {Map<string, HTMLElement>} */
  #tiles = new Map();

  /**
   * @param {HTMLElement} list
   * @param {object} on
   * @param {(id: string) => void} on.retry somebody wants a failed connection tried again
   * @param {() => void} on.silenced the browser plays no sound before it is touched
   */
  constructor(list, on) {
    this.list = list;
    this.on = on;
    new ResizeObserver(() => this.#layOut()).observe(/** @type {HTMLElement} */ (list.parentElement));
  }

  /** Show a participant, or show them as they are now. @param {string} id @param {TileContent} content */
  set(id, content) {
    const tile = this.#tiles.get(id) ?? this.#make(id, content.self);
    tile.dataset.connectionState = content.state;
    tile.dataset.camera = content.camera ? "on" : "off";
    tile.dataset.microphone = content.microphone ? "on" : "off";
    setText(find("bdi", tile), content.name);
    paintAvatar(find(".avatar", tile), content.name);
    find(".muted-badge", tile).hidden = content.microphone;
    find(".tile-state", tile).hidden = content.state === "connected";
    setText(find(".tile-state p", tile), STATES[content.state]);
    const retry = find("button", tile);
    retry.hidden = content.state !== "failed";
    retry.setAttribute("aria-label", `Try again to connect to ${content.name}`);
    this.#play(/** @type {HTMLVideoElement} */ (find("video", tile)), content);
  }

  /** @param {string} id */
  remove(id) {
    const tile = this.#tiles.get(id);
    if (!tile) return;
    /** @type {HTMLVideoElement} */ (find("video", tile)).srcObject = null;
    tile.remove();
    this.#tiles.delete(id);
    this.#layOut();
  }

  clear() {
    for (const id of [...this.#tiles.keys()]) this.remove(id);
  }

  /** Mark who is speaking. @param {string} id @param {boolean} speaking */
  setSpeaking(id, speaking) {
    this.#tiles.get(id)?.toggleAttribute("data-speaking", speaking);
  }

  /** Play what the browser held back before the page was touched. */
  resume() {
    for (const video of this.list.querySelectorAll("video")) video.play().catch(() => {});
  }

  /** @param {string} id @param {boolean} self */
  #make(id, self) {
    const tile = fromTemplate("#tile-template");
    tile.dataset.socketId = id;
    tile.classList.toggle("self", self);
    find(".you", tile).hidden = !self;
    const video = /** @type {HTMLVideoElement} */ (find("video", tile));
    // The own voice would come back as an echo. The name beside the picture says whose it is.
    video.muted = self;
    video.tabIndex = -1;
    video.setAttribute("aria-hidden", "true");
    find("button", tile).addEventListener("click", () => this.on.retry(id));
    this.#tiles.set(id, tile);
    if (self) this.list.prepend(tile);
    else this.list.append(tile);
    this.#layOut();
    return tile;
  }

  /** @param {HTMLVideoElement} video @param {TileContent} content */
  #play(video, { stream, self }) {
    if (video.srcObject === stream) return;
    video.srcObject = stream;
    video.play().catch((error) => {
      if (error.name === "NotAllowedError" && !self) this.on.silenced();
    });
  }

  #layOut() {
    const stage = /** @type {HTMLElement} */ (this.list.parentElement);
    const style = getComputedStyle(stage);
    const width = stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const height = stage.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    if (!this.#tiles.size || width <= 0) return;
    const grid = bestGrid(this.#tiles.size, width, height, GAP);
    this.list.style.setProperty("--gap", `${GAP}px`);
    this.list.style.setProperty("--tile-width", `${grid.width}px`);
    this.list.style.setProperty("--tile-height", `${grid.height}px`);
    this.list.dataset.columns = String(grid.columns);
  }
}
