/**
 * The lobby: a name, a room code, and a look in the mirror before the others look.
 */

import { announce } from "./announcer.js";
import { find, paintAvatar, setText, shownName } from "./elements.js";
import { codeInAddress, readCode } from "./link.js";
import { recall, remember } from "./memory.js";
import { showPickers } from "./pickers.js";
import { wordsForDevice } from "./words.js";

/** @typedef {import("./words.js").Words} Words */

const REMEMBERED = "classroom.name";

const NO_CODE = "Enter the room code your teacher gave you.";
const BAD_CODE = "A room code has 6 letters and digits, like a7x9k2. Check the code, or paste the whole link.";

/** Events: `join` (`name`, `code`). */
export class Lobby extends EventTarget {
  #form = find("#join-form");
  #name = /** @type {HTMLInputElement} */ (find("#name"));
  #code = /** @type {HTMLInputElement} */ (find("#code"));
  #button = /** @type {HTMLButtonElement} */ (find("#join"));
  #problem = find("#lobby-problem");
  #video = /** @type {HTMLVideoElement} */ (find("#preview-video"));
  #busy = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #countdown;

  /**
   * @param {import("./devices.js").LocalMedia} media
   * @param {import("./meter.js").MicrophoneMeter} meter
   */
  constructor(media, meter) {
    super();
    this.media = media;
    this.#name.value = recall(REMEMBERED) ?? "";
    this.#code.value = codeInAddress(location.href);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#code.addEventListener("input", () => this.#code.removeAttribute("aria-invalid"));
    this.#name.addEventListener("input", () => this.#showPreview());
    find("#device-retry").addEventListener("click", () => media.start());
    showPickers(find("#lobby-devices"), media, meter);
    media.addEventListener("change", () => this.#showDevices());
    this.#showDevices();
  }

  /** Put the cursor where the next thing has to be typed. */
  focus() {
    (this.#name.value ? (this.#code.value ? this.#button : this.#code) : this.#name).focus();
  }

  /** Show that joining is under way, or not any more. @param {boolean} busy */
  setBusy(busy) {
    this.#busy = busy;
    this.#showButton(busy ? "Joining…" : "Join");
  }

  /**
   * Say why joining did not work, and when it may be tried again.
   *
   * @param {Words} words
   * @param {number | null} [retryAfter] seconds
   */
  showProblem(words, retryAfter = null) {
    this.setBusy(false);
    this.#say(words);
    if (words.next === "code") this.#blameCode();
    else this.#button.focus();
    if (retryAfter) this.#countDown(Math.ceil(retryAfter));
  }

  /** Forget an old problem. */
  clearProblem() {
    this.#problem.hidden = true;
    this.#problem.replaceChildren();
    this.#code.removeAttribute("aria-invalid");
  }

  #submit() {
    if (this.#busy || this.#countdown !== undefined) return;
    this.clearProblem();
    const code = readCode(this.#code.value);
    if (code === null) {
      const text = this.#code.value.trim() ? BAD_CODE : NO_CODE;
      this.#say({ title: "Which room?", text });
      this.#blameCode();
      return;
    }
    this.#code.value = code;
    const name = this.#name.value.trim();
    remember(REMEMBERED, name);
    this.dispatchEvent(Object.assign(new Event("join"), { name, code }));
  }

  /** @param {Words} words */
  #say({ title, text }) {
    const heading = document.createElement("strong");
    heading.textContent = title;
    const explanation = document.createElement("span");
    explanation.textContent = text;
    this.#problem.hidden = false;
    this.#problem.replaceChildren(heading, explanation);
  }

  #blameCode() {
    this.#code.setAttribute("aria-invalid", "true");
    this.#code.focus();
    this.#code.select();
  }

  /** @param {number} seconds */
  #countDown(seconds) {
    clearInterval(this.#countdown);
    const until = Date.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left > 0) {
        this.#showButton(`Try again in ${left} s`);
        return;
      }
      clearInterval(this.#countdown);
      this.#countdown = undefined;
      this.#showButton("Join");
    };
    this.#countdown = setInterval(tick, 250);
    tick();
  }

  /** A button that waits keeps the focus; a disabled one would lose it. @param {string} text */
  #showButton(text) {
    setText(this.#button, text);
    this.#button.setAttribute("aria-disabled", String(text !== "Join"));
  }

  #showDevices() {
    const { audio, video } = { audio: this.media.problem("audio"), video: this.media.problem("video") };
    const note = find("#device-problem");
    note.hidden = !audio && !video;
    const words = [];
    if (audio && audio === video) words.push(wordsForDevice(audio, "both"));
    else {
      if (video) words.push(wordsForDevice(video, "video"));
      if (audio) words.push(wordsForDevice(audio, "audio"));
    }
    const shown = find("#device-problem-words");
    const said = words.join(" ");
    if (said && said !== shown.textContent) announce(said);
    setText(shown, said);
    find("#device-retry").hidden = audio === "insecure" || audio === "unsupported";
    this.#showPreview();
  }

  #showPreview() {
    const seen = this.media.live("video");
    find("#preview").dataset.camera = seen ? "on" : "off";
    this.#video.hidden = !seen;
    const avatar = find("#preview .avatar");
    avatar.hidden = seen;
    paintAvatar(avatar, shownName(this.#name.value));
    const asked = this.media.problem("video") === null && !this.media.off("video");
    const waiting = asked ? "Allow the camera and microphone to be seen and heard." : "Your camera is off";
    setText(find("#preview-words"), seen ? "" : waiting);
    // An element without a picture to load would keep the page from ever being loaded.
    const stream = seen ? this.media.stream : null;
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
  }
}
