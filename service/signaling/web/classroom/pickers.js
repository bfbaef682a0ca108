/**
 * Choosing a camera and a microphone: two lists and a level meter, in the lobby and in the call's settings.
 */

import { find, setText } from "./elements.js";

/** @typedef {import("./devices.js").Kind} Kind */

const NAMES = { audio: "Microphone", video: "Camera" };
let made = 0;

/**
 * Fill a container with the lists.
 *
 * @param {HTMLElement} container
 * @param {import("./devices.js").LocalMedia} media
 * @param {import("./meter.js").MicrophoneMeter} meter
 */
export function showPickers(container, media, meter) {
  const { content } = /** @type {HTMLTemplateElement} */ (find("#devices-template"));
  container.replaceChildren(content.cloneNode(true));
  for (const select of /** @type {NodeListOf<HTMLSelectElement>} */ (container.querySelectorAll("select"))) {
    const kind = /** @type {Kind} */ (select.dataset.choose);
    select.id = `choose-${kind}-${++made}`;
    find("label", /** @type {ParentNode} */ (select.parentElement)).setAttribute("for", select.id);
    select.addEventListener("change", () => media.choose(kind, select.value));
    const fill = () => fillList(select, kind, media);
    media.addEventListener("change", fill);
    fill();
  }
  bindMeter(container, media, meter);
}

/**
 * @param {HTMLSelectElement} select
 * @param {Kind} kind
 * @param {import("./devices.js").LocalMedia} media
 */
async function fillList(select, kind, media) {
  const choices = await media.choices(kind);
  const options = choices.map(({ deviceId, label }, index) => ({
    value: deviceId,
    text: label || `${NAMES[kind]} ${index + 1}`,
  }));
  if (options.length === 0) options.push({ value: "", text: media.problem(kind) === "refused" ? "Not allowed" : "None" });
  // Rebuilding a list that somebody is looking through would close it.
  const shown = [...select.options].map(({ value, text }) => ({ value, text }));
  if (JSON.stringify(shown) !== JSON.stringify(options)) {
    select.replaceChildren(...options.map(({ value, text }) => new Option(text, value)));
  }
  select.disabled = choices.length === 0;
  const current = media.deviceId(kind);
  if (options.some(({ value }) => value === current)) select.value = current;
}

/**
 * @param {HTMLElement} container
 * @param {import("./devices.js").LocalMedia} media
 * @param {import("./meter.js").MicrophoneMeter} meter
 */
function bindMeter(container, media, meter) {
  const bar = find(".meter", container);
  const fill = /** @type {HTMLElement} */ (find("span", bar));
  const hint = find(".meter-hint", container);
  const explain = () => {
    const muted = media.off("audio");
    bar.hidden = media.track("audio") === null;
    hint.hidden = bar.hidden;
    if (!meter.running) setText(hint, "Click or press a key to try your microphone.");
    else setText(hint, muted ? "Your microphone is muted." : "Speak: the bar should move.");
  };
  media.addEventListener("change", explain);
  meter.addEventListener("change", explain);
  meter.addEventListener("level", (event) => {
    const { level } = /** @type {any} */ (event);
    fill.style.setProperty("--level", level.toFixed(2));
    bar.setAttribute("aria-valuenow", String(Math.round(level * 100)));
  });
  explain();
}
