/**
 * What was answered, as it is told afterwards: short on one line, whole below it.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { diffBox, lineDiff, summary } from "../form/diff.js";
import { h } from "./elements.js";
import { inline, readable, sizeOf } from "./format.js";
import { valueBox } from "./value.js";

const SHORT = 80; // characters of an answer on one line

/**
 * @param {wire.ApprovalView} approval
 * @returns {string} for one line
 */
export function shortAnswer({ kind, options, value, payload }) {
  if (kind === "file" && value?.name) return `${value.name}, ${sizeOf(value.size ?? 0)}`;
  if (kind === "edit" && !options?.length) {
    return readable(value) === readable(payload) ? "approved unchanged" : "approved with changes";
  }
  const text = inline(value);
  return text.length > SHORT && typeof value === "object" ? "answered" : text;
}

/**
 * @param {wire.ApprovalView} approval
 * @returns {HTMLElement | null} what does not go on one line: a form's answer, an edit
 */
export function wholeAnswer({ kind, options, value, payload, edited_payload }) {
  if (kind === "file" || value === null) return null;
  const after = kind === "edit" && options?.length ? edited_payload : value;
  if (kind === "edit" && after !== null && readable(after) !== readable(payload)) {
    const lines = lineDiff(readable(payload), readable(after));
    const title = h("summary", null, `edited: ${summary(lines)}`);
    return h("details", { class: "kgnb-edited", open: true }, title, diffBox(lines));
  }
  if (kind === "edit" || typeof value !== "object") return null;
  return h("details", null, h("summary", null, "the answer"), valueBox(value));
}
