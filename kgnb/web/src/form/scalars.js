/**
 * Fields of one control: text, numbers, dates, choices, yes and no.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Field, Spec } from "./field.js"
 * @import { Reading } from "./reading.js"
 */

import { h } from "../views/elements.js";
import { inline } from "../views/format.js";
import { Frame, empty } from "./field.js";
import { choicesOf } from "./schema.js";

const LONG = 200; // characters from which a text gets more than one line

/** @type {Record<string, string>} */
const INPUT_TYPES = {
  date: "date",
  "date-time": "datetime-local",
  time: "time",
  email: "email",
  uri: "url",
  password: "password",
  color: "color",
};

/** @type {Record<string, string>} */
const NOT_A = {
  date: "This is not a date.",
  "datetime-local": "This is not a date and time.",
  time: "This is not a time.",
  email: "This is not an e-mail address.",
  url: "This is not a web address.",
  number: "This is not a number.",
};

/** @implements {Field} */
export class Scalar {
  /** What it was filled with, so that what nobody changed comes back as it was. */
  #filled = { shown: "", value: /** @type {wire.Json} */ (null), isGiven: false };

  /**
   * @param {Spec} spec
   * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} control
   */
  constructor(spec, control) {
    this.spec = spec;
    this.label = spec.label;
    this.control = control;
    this.frame = new Frame(spec, control);
    this.element = this.frame.element;
    const { signal, changed } = spec.env;
    control.addEventListener("input", changed, { signal });
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    const { value } = this.control;
    const { validity } = this.control;
    if (validity.badInput || validity.typeMismatch) {
      return reading.fail(this, NOT_A[this.control.type] ?? "This cannot be read.");
    }
    if (this.#filled.isGiven && value === this.#filled.shown) return this.#filled.value;
    if (value === "") return this.readEmpty(reading);
    return this.parse(value, reading);
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  readEmpty(reading) {
    return empty(this.spec, this, reading, "Fill this in.");
  }

  /** @param {string} value @param {Reading} _reading @returns {wire.Json | undefined} */
  parse(value, _reading) {
    return value;
  }

  /** @param {wire.Json} value @returns {string} */
  show(value) {
    return value === null ? "" : inline(value);
  }

  /** @param {wire.Json} value */
  fill(value) {
    this.control.value = this.show(value);
    this.#filled = { shown: this.control.value, value, isGiven: value !== null };
  }

  /** @returns {wire.Json} */
  keep() {
    return this.control.type === "password" ? "" : this.control.value;
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    if (typeof kept === "string") this.control.value = kept;
  }

  find() {
    return this;
  }

  /** @param {string} message */
  complain(message) {
    this.frame.complain(message);
  }

  clear() {
    this.frame.complain("");
  }

  focus() {
    this.frame.focus();
  }
}

export class TextField extends Scalar {
  /** @param {Spec} spec */
  constructor(spec) {
    super(spec, textControl(spec));
    if (spec.schema.default != null) this.fill(spec.schema.default);
  }

  /** @param {Reading} reading @override */
  readEmpty(reading) {
    const { schema, isNullable } = this.spec;
    const isPlain = !schema.format && !schema.minLength && !schema.pattern;
    // Who clears a text that was there means an empty one.
    if (typeof schema.default === "string" && isPlain && !isNullable) return "";
    return super.readEmpty(reading);
  }

  /** @param {string} value @param {Reading} reading @override */
  parse(value, reading) {
    const { schema } = this.spec;
    if (schema.format === "date-time") return zoned(value);
    if (schema.format === "time" && /^\d\d:\d\d$/.test(value)) return `${value}:00`;
    const length = [...value].length;
    if (length < (schema.minLength ?? 0)) {
      return reading.fail(this, `At least ${schema.minLength} characters.`);
    }
    if (length > (schema.maxLength ?? Infinity)) {
      return reading.fail(this, `At most ${schema.maxLength} characters; these are ${length}.`);
    }
    if (schema.pattern && !matches(schema.pattern, value)) {
      return reading.fail(this, `This is not of the form ${schema.pattern}`);
    }
    return value;
  }

  /** @param {wire.Json} value @override */
  show(value) {
    const shown = super.show(value);
    return this.spec.schema.format === "date-time" ? local(shown) : shown;
  }
}

/** @param {Spec} spec */
function textControl({ schema }) {
  const type = INPUT_TYPES[schema.format];
  const isLong =
    !type && ((schema.maxLength ?? 0) > LONG || String(schema.default ?? "").includes("\n"));
  if (isLong || schema.format === "textarea") {
    return h("textarea", { class: "kgnb-input", rows: 4 });
  }
  return h("input", {
    class: "kgnb-input",
    type: type ?? "text",
    step: type === "time" || type === "datetime-local" ? 1 : null,
    placeholder: exampleOf(schema),
    autocomplete: "off",
  });
}

/** @param {Record<string, any>} schema */
function exampleOf({ examples, format }) {
  if (format === "duration") return "P1DT2H30M";
  return Array.isArray(examples) && typeof examples[0] === "string" ? examples[0] : null;
}

/** @param {string} pattern @param {string} value */
function matches(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // of another dialect: the judge knows it
  }
}

/** @param {string} value local, as the input has it @returns {string} RFC 3339 with its zone */
function zoned(value) {
  const minutes = -new Date(value).getTimezoneOffset();
  if (Number.isNaN(minutes)) return value;
  const sign = minutes < 0 ? "-" : "+";
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const seconds = /T\d\d:\d\d$/.test(value) ? ":00" : "";
  return `${value}${seconds}${sign}${two(hours)}:${two(rest)}`;
}

/** @param {string} stamp @returns {string} as a local date and time, for the input */
function local(stamp) {
  const date = new Date(stamp);
  if (Number.isNaN(date.getTime())) return "";
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

export class NumberField extends Scalar {
  /** @param {Spec} spec */
  constructor(spec) {
    const { schema } = spec;
    super(
      spec,
      h("input", {
        class: "kgnb-input kgnb-input-number",
        type: "number",
        step: schema.multipleOf ?? (schema.type === "integer" ? 1 : "any"),
        min: schema.minimum,
        max: schema.maximum,
        inputmode: schema.type === "integer" ? "numeric" : "decimal",
        autocomplete: "off",
      }),
    );
    if (schema.default != null) this.fill(schema.default);
  }

  /** @param {string} value @param {Reading} reading @override */
  parse(value, reading) {
    const number = Number(value);
    const message = numberProblem(number, this.spec.schema);
    return message ? reading.fail(this, message) : number;
  }
}

/** @param {number} number @param {Record<string, any>} schema @returns {string} */
function numberProblem(number, schema) {
  if (schema.type === "integer" && !Number.isInteger(number)) return "This must be a whole number.";
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return "This number is too large to be exact.";
  if (number < schema.minimum) return `At least ${schema.minimum}.`;
  if (number > schema.maximum) return `At most ${schema.maximum}.`;
  if (number <= schema.exclusiveMinimum) return `More than ${schema.exclusiveMinimum}.`;
  if (number >= schema.exclusiveMaximum) return `Less than ${schema.exclusiveMaximum}.`;
  const parts = number / schema.multipleOf;
  const isMultiple = !schema.multipleOf || Math.abs(parts - Math.round(parts)) < 1e-9;
  return isMultiple ? "" : `A multiple of ${schema.multipleOf}.`;
}

export class ChoiceField extends Scalar {
  #choices;

  /** @param {Spec} spec @param {{value: wire.Json, label: string}[]} [choices] */
  constructor(spec, choices = choicesOf(spec.schema, spec.root) ?? []) {
    const isOpen = spec.isNullable || !spec.isRequired;
    const none = h("option", { value: "" }, isOpen ? "Not given" : "Choose …");
    const options = choices.map(({ label }, index) => h("option", { value: index }, label));
    super(spec, h("select", { class: "kgnb-input" }, none, ...options));
    this.#choices = choices;
    if (spec.schema.default !== undefined) this.fill(spec.schema.default);
  }

  /** @param {Reading} reading @override */
  readEmpty(reading) {
    return empty(this.spec, this, reading, "Choose one.");
  }

  /** @param {string} value @override */
  parse(value) {
    return this.#choices[Number(value)]?.value;
  }

  /** @param {wire.Json} value @override */
  show(value) {
    const wanted = JSON.stringify(value);
    const index = this.#choices.findIndex((choice) => JSON.stringify(choice.value) === wanted);
    return index < 0 ? "" : String(index);
  }
}

/** @param {Spec} spec @returns {Field} */
export function booleanField(spec) {
  if (!spec.isNullable) return new CheckField(spec);
  const choices = [
    { value: true, label: "Yes" },
    { value: false, label: "No" },
  ];
  return new ChoiceField(spec, choices);
}

/** @implements {Field} */
class CheckField {
  #box = h("input", { type: "checkbox", class: "kgnb-check" });
  #frame;

  /** @param {Spec} spec */
  constructor(spec) {
    this.label = spec.label;
    this.#frame = new Frame(spec, this.#box, "box");
    this.element = this.#frame.element;
    const { signal, changed } = spec.env;
    this.#box.addEventListener("input", changed, { signal });
    this.#box.checked = spec.schema.default === true;
  }

  read() {
    return this.#box.checked;
  }

  /** @param {wire.Json} value */
  fill(value) {
    this.#box.checked = value === true;
  }

  keep() {
    return this.#box.checked;
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    this.#box.checked = kept === true;
  }

  find() {
    return this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.#frame.complain("");
  }

  focus() {
    this.#frame.focus();
  }
}

/**
 * A value that stands fast, such as the tag of a union's member: nothing to see.
 * @implements {Field}
 */
export class FixedField {
  element = h("div", { hidden: true });
  #value;

  /** @param {Spec} spec */
  constructor({ schema, root, label }) {
    this.label = label;
    this.#value = "const" in schema ? schema.const : (choicesOf(schema, root)?.[0]?.value ?? null);
  }

  read() {
    return this.#value;
  }

  fill() {}

  keep() {
    return null;
  }

  restore() {}

  find() {
    return this;
  }

  complain() {}

  clear() {}

  focus() {}
}

/** @implements {Field} */
export class JsonField extends Scalar {
  /** @param {Spec} spec @param {number} [rows] */
  constructor(spec, rows = 6) {
    const attributes = { class: "kgnb-input kgnb-input-json", rows, spellcheck: "false" };
    super(spec, h("textarea", attributes));
    const { default: given } = spec.schema;
    if (given !== undefined) this.fill(given);
  }

  /** @param {Reading} reading @override */
  readEmpty(reading) {
    return empty(this.spec, this, reading, "Fill this in, as JSON.");
  }

  /** @param {string} value @param {Reading} reading @override */
  parse(value, reading) {
    try {
      return JSON.parse(value);
    } catch (error) {
      return reading.fail(this, `This is not JSON: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {wire.Json} value @override */
  show(value) {
    return JSON.stringify(value, null, 2);
  }
}
