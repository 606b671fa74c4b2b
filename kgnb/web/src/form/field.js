/**
 * What every field of a form is: a control with its name, hint and error.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Reading } from "./reading.js"
 * @import { Schema } from "./schema.js"
 */

import { h, setText } from "../views/elements.js";
import { visible } from "../views/visible.js";

/**
 * A part of a form. Values are what is sent; what is kept is what was typed, be it a
 * value or not.
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {string} label
 * @property {(reading: Reading) => wire.Json | undefined} read undefined leaves it out
 * @property {(value: wire.Json) => void} fill
 * @property {() => wire.Json} keep
 * @property {(kept: wire.Json) => void} restore
 * @property {(path: (string | number)[]) => Field} find the deepest field on the way
 * @property {(message: string) => void} complain "" takes the complaint away
 * @property {() => void} clear takes all complaints away
 * @property {() => void} focus
 * @property {boolean} [isEdited] whether it differs from what was shown, where that counts
 */

/**
 * Where a field stands, and what of.
 * @typedef {object} Spec
 * @property {Schema} schema resolved, without null
 * @property {Schema} root
 * @property {string} label
 * @property {boolean} isRequired
 * @property {boolean} isNullable
 * @property {Env} env
 */

/**
 * What all fields of a form share.
 * @typedef {object} Env
 * @property {AbortSignal} signal
 * @property {() => void} changed something was typed
 */

let lastId = 0;

/** @returns {string} unique in this page, for labels and descriptions */
function newId() {
  lastId += 1;
  return `kgnb-field-${lastId}`;
}

/** The label, hint and error around a control. */
export class Frame {
  #error;
  #control;

  /**
   * @param {Spec} spec
   * @param {HTMLElement} control an input, or a group of them
   * @param {"row" | "group" | "box"} shape a box has its label behind it
   * @param {HTMLElement} body what stands in the row, where that is more than the control
   */
  constructor(spec, control, shape = "row", body = control) {
    const { schema, label, isRequired } = spec;
    const id = newId();
    this.#control = control;
    this.#error = h("p", { class: "kgnb-form-error", id: `${id}-error` });
    const about = schema.description
      ? h("p", { class: "kgnb-form-about", id: `${id}-about` }, visible(schema.description))
      : null;
    const described = [about && about.id, this.#error.id].filter(Boolean).join(" ");
    control.setAttribute("aria-describedby", described);
    const name = [
      h("span", { class: "kgnb-form-name" }, visible(label)),
      !isRequired && shape !== "box" && h("span", { class: "kgnb-form-optional" }, " optional"),
    ];
    if (shape === "group") {
      const legend = h("legend", { class: "kgnb-form-legend" }, ...name);
      control.prepend(...[legend, about, this.#error].filter((part) => part !== null));
      this.element = control;
      control.tabIndex = -1;
      return;
    }
    control.id = id;
    if (isRequired && shape === "row") control.setAttribute("aria-required", "true");
    const title = h("label", { class: "kgnb-form-label", for: id }, ...name);
    const line = shape === "box" ? [h("div", { class: "kgnb-form-check" }, control, title)] : [title, body];
    this.element = h("div", { class: "kgnb-form-row" }, ...line, about, this.#error);
  }

  /** @param {string} message */
  complain(message) {
    setText(this.#error, message);
    if (message) this.#control.setAttribute("aria-invalid", "true");
    else this.#control.removeAttribute("aria-invalid");
  }

  focus() {
    this.#control.focus();
  }
}

/**
 * What an empty control stands for.
 * @param {Spec} spec
 * @param {Field} field
 * @param {Reading} reading
 * @param {string} wanted "Fill this in."
 * @returns {wire.Json | undefined}
 */
export function empty({ schema, isRequired, isNullable }, field, reading, wanted) {
  if (isNullable) return isRequired || schema.default != null ? null : undefined;
  const hasDefault = schema.default !== undefined && schema.default !== null;
  // Left out, a default that was taken away would come back.
  return isRequired || hasDefault ? reading.fail(field, wanted) : undefined;
}

/**
 * @param {string} label
 * @param {string} name its accessible name, where the label alone would not do
 * @param {() => void} act
 * @param {Env} env
 * @returns {HTMLButtonElement} a button within a form that sends nothing
 */
export function smallButton(label, name, act, { signal, changed }) {
  const button = h(
    "button",
    { type: "button", class: "kgnb-button kgnb-small", "aria-label": name },
    label,
  );
  const onClick = () => {
    act();
    changed();
  };
  button.addEventListener("click", onClick, { signal });
  return button;
}
