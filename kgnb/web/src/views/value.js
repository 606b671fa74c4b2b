/**
 * A value as it is: all of it, with nothing hidden in it.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { h, scrollable } from "./elements.js";
import { readable } from "./format.js";
import { visible } from "./visible.js";

/**
 * @param {wire.Json} value
 * @returns {HTMLElement}
 */
export function valueBox(value) {
  const kind = typeof value === "string" ? "text" : "json";
  return scrollable(
    h("pre", { class: "kgnb-value", "data-kind": kind }, visible(readable(value))),
    "What is shown",
  );
}
