/**
 * The page's elements, found once and never missing: a name that is not in `index.html` fails at the start.
 */

/**
 * @template {Element} [E=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {E}
 */
export function find(selector, within = document) {
  const element = within.querySelector(selector);
  if (!element) throw new TypeError(`the page has no ${selector}`);
  return /** @type {E} */ (element);
}

/** A copy of a template's first element. @param {string} selector of the template */
export function fromTemplate(selector) {
  const { content } = /** @type {HTMLTemplateElement} */ (find(selector));
  return /** @type {HTMLElement} */ (/** @type {Element} */ (content.firstElementChild).cloneNode(true));
}

/** Show another symbol in an icon. @param {Element} within @param {string} name of a symbol in `index.html` */
export function setIcon(within, name) {
  find("use", within).setAttribute("href", `#icon-${name}`);
}

/** Set text only where it differs, so that a live region is not read again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The longest name that is shown; the service takes no longer one. */
const LONGEST_NAME = 80;

/** A participant's name as it is shown. @param {unknown} name */
export function shownName(name) {
  return String(name ?? "").slice(0, LONGEST_NAME).trim() || "Guest";
}

/** Paint an avatar: the initials of a name on a colour of its own. @param {HTMLElement} avatar @param {string} name */
export function paintAvatar(avatar, name) {
  const words = name.split(/\s+/u).filter(Boolean);
  const letters = (words.length > 1 ? [words[0], words[words.length - 1]] : words).map((word) => [...word][0]);
  setText(find("span", avatar), letters.join("").toLocaleUpperCase());
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  avatar.style.setProperty("--hue", String(hash));
}
