/**
 * Text in which nothing hides: characters that would turn, join or vanish are shown
 * by their number, so that what a person approves is what he reads.
 */

import { h } from "./elements.js";

// Controls but tab and newline; soft hyphen; Arabic letter mark, Mongolian vowel
// separator; zero-width, direction and invisible operators; line and paragraph
// separators; BOM; interlinear annotation; tags and variation selectors beyond the
// emoji one; Hangul fillers; private use. A joiner between two emoji is no secret.
const HIDDEN =
  /(?<![\p{Extended_Pictographic}\ufe0f\u{1f3fb}-\u{1f3ff}])\u200d|\u200d(?!\p{Extended_Pictographic})|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ue000-\uf8ff]|[\u{1d173}-\u{1d17a}]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;

const LINE_END = /\r\n?/g;

/**
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function visible(text) {
  const fragment = document.createDocumentFragment();
  const shown = text.replace(LINE_END, "\n");
  let from = 0;
  for (const match of shown.matchAll(HIDDEN)) {
    fragment.append(shown.slice(from, match.index), mark(match[0]));
    from = match.index + match[0].length;
  }
  fragment.append(shown.slice(from));
  return fragment;
}

/**
 * The same where only text can stand.
 * @param {string} text
 * @returns {string}
 */
export function marked(text) {
  return text.replace(LINE_END, "\n").replace(HIDDEN, (character) => `[${nameOf(character)}]`);
}

/** @param {string} text @returns {boolean} */
export function hidesSomething(text) {
  return text.replace(LINE_END, "\n").search(HIDDEN) >= 0;
}

/** @param {string} character */
function nameOf(character) {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `U+${code.padStart(4, "0")}`;
}

/** @param {string} character */
function mark(character) {
  const name = nameOf(character);
  return h("mark", { class: "kgnb-hidden", title: `hidden character ${name}` }, name);
}
