/**
 * The list of participants beside the pictures: who is here, and who is muted, unseen or not connected.
 */

import { find, fromTemplate, paintAvatar, setText } from "./elements.js";

const STATES = { connecting: "connecting", connected: "", reconnecting: "reconnecting", failed: "no connection" };

export class People {
  /** @type {Map<string, HTMLElement>} */
  #people = new Map();

  constructor() {
    this.panel = find("#people");
    this.button = find("#people-toggle");
    this.list = find("#people-list");
    this.button.addEventListener("click", () => this.#open(this.panel.hidden));
    find("#people-close").addEventListener("click", () => this.#open(false));
    this.panel.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#open(false);
    });
  }

  /** @param {string} id @param {import("./tiles.js").TileContent} content */
  set(id, content) {
    const person = this.#people.get(id) ?? this.#make(id, content.self);
    setText(find("bdi", person), content.name);
    paintAvatar(find(".avatar", person), content.name);
    setText(find(".person-state", person), STATES[content.state]);
    find(".person-mic", person).hidden = content.microphone;
    find(".person-camera", person).hidden = content.camera;
  }

  /** @param {string} id */
  remove(id) {
    this.#people.get(id)?.remove();
    this.#people.delete(id);
    this.#count();
  }

  clear() {
    for (const id of [...this.#people.keys()]) this.remove(id);
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
  }

  /** @param {string} id @param {boolean} self */
  #make(id, self) {
    const person = fromTemplate("#person-template");
    person.dataset.socketId = id;
    find(".you", person).hidden = !self;
    this.#people.set(id, person);
    this.list.append(person);
    this.#count();
    return person;
  }

  #count() {
    const { size } = this.#people;
    setText(find("#count"), `${size} participant${size === 1 ? "" : "s"}`);
    setText(find("#people-count"), String(size));
    setText(find("#people-title"), `Participants (${size})`);
  }

  /** @param {boolean} open */
  #open(open) {
    if (this.panel.hidden === !open) return;
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    (open ? find("#people-title") : this.button).focus();
  }
}
