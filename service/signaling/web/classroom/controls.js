/**
 * The microphone and camera buttons, in the lobby and in the call alike, and their keyboard shortcuts.
 */

import { announce } from "./announcer.js";
import { find, setIcon } from "./elements.js";
import { recall, remember } from "./memory.js";

/** @typedef {import("./devices.js").Kind} Kind */

const ICONS = { audio: ["mic", "mic-off"], video: ["camera", "camera-off"] };
const SAID = {
  audio: { on: "Microphone on", off: "Microphone muted" },
  video: { on: "Camera on", off: "Camera off" },
};
const KEYS = /** @type {Record<string, Kind>} */ ({ m: "audio", v: "video" });
const REMEMBERED = "classroom.shortcuts";

/**
 * Switch a device, and say so: whoever pressed a key has the focus elsewhere and would not hear the button. A
 * device that does not start is not announced as on; why it does not is said where problems are shown.
 *
 * @param {import("./devices.js").LocalMedia} media
 * @param {Kind} kind
 */
async function toggle(media, kind) {
  const on = media.off(kind);
  if (!on) announce(SAID[kind].off);
  await media.set(kind, on);
  if (on && media.live(kind)) announce(SAID[kind].on);
}

/**
 * Make every `[data-toggle]` button on the page switch its device and show how it stands. Pressed means off:
 * the buttons are called "Mute mic" and "Turn off camera".
 *
 * @param {import("./devices.js").LocalMedia} media
 */
export function bindToggles(media) {
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-toggle]"));
  const show = () => {
    for (const button of buttons) {
      const kind = /** @type {Kind} */ (button.dataset.toggle);
      const off = media.off(kind);
      button.setAttribute("aria-pressed", String(off));
      button.dataset.problem = media.problem(kind) ?? "";
      setIcon(button, ICONS[kind][off ? 1 : 0]);
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => toggle(media, /** @type {Kind} */ (button.dataset.toggle)));
  }
  media.addEventListener("change", show);
  show();
}

/**
 * Let single keys switch the devices during a call. They can be turned off, because a voice-control program may
 * type them by accident (WCAG 2.1.4), and are silent while somebody types or a dialog is open.
 *
 * @param {import("./devices.js").LocalMedia} media
 * @param {() => boolean} inCall
 */
export function bindShortcuts(media, inCall) {
  const box = /** @type {HTMLInputElement} */ (find("#shortcuts"));
  box.checked = recall(REMEMBERED) !== "off";
  box.addEventListener("change", () => remember(REMEMBERED, box.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    const kind = KEYS[event.key.toLowerCase()];
    if (!kind || !inCall() || !box.checked) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    toggle(media, kind);
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
