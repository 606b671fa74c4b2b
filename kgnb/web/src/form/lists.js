/**
 * Fields of a number of entries: lists, tuples, maps, and choices of several.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Env, Field, Spec } from "./field.js"
 * @import { Reading } from "./reading.js"
 */

import { h } from "../views/elements.js";
import { Frame, smallButton } from "./field.js";
import { asObject, groupOf } from "./groups.js";
import { makeField } from "./make.js";
import { choicesOf, resolve } from "./schema.js";

/**
 * One entry of a list: its field, of a map its key too, and the button that removes it.
 * @typedef {object} Entry
 * @property {Field} field
 * @property {HTMLElement} element
 * @property {HTMLInputElement | null} key
 */

/** @implements {Field} */
class Entries {
  /** @type {Entry[]} */
  entries = [];
  #list = h("ol", { class: "kgnb-form-list" });
  #frame;
  #made = 0;

  /** @param {Spec} spec @param {boolean} hasKeys */
  constructor(spec, hasKeys) {
    this.spec = spec;
    this.label = spec.label;
    this.hasKeys = hasKeys;
    const group = groupOf(spec);
    const add = smallButton("Add", `Add to ${spec.label}`, () => this.add().focus(), spec.env);
    group.append(this.#list, add);
    this.#frame = new Frame(spec, group, "group");
    this.element = this.#frame.element;
    if (spec.schema.default != null) this.fill(spec.schema.default);
    else while (this.entries.length < (spec.schema.minItems ?? 0)) this.add();
  }

  /** @param {string} [key] @returns {Field} the new entry's */
  add(key = "") {
    const { schema, root, env, label } = this.spec;
    const part = this.hasKeys ? schema.additionalProperties : schema.items;
    this.#made += 1; // never a number twice, whatever was removed
    const name = `${label} ${this.#made}`;
    const field = makeField({ schema: untitled(resolve(part, root)), root, env, label: name, isRequired: true });
    const remove = smallButton("Remove", `Remove ${name}`, () => this.#remove(entry), env);
    const keyInput = this.hasKeys ? keyField(name, key, env) : null;
    const element = h("li", { class: "kgnb-form-entry" }, keyInput, field.element, remove);
    const entry = { field, element, key: keyInput };
    this.entries.push(entry);
    this.#list.append(element);
    return field;
  }

  /** @param {Entry} entry */
  #remove(entry) {
    const index = this.entries.indexOf(entry);
    this.entries.splice(index, 1);
    entry.element.remove();
    // A focus that vanishes would begin anew at the top of the page.
    const next = this.entries[Math.min(index, this.entries.length - 1)];
    if (next) next.field.focus();
    else this.#frame.focus();
  }

  empty() {
    this.#made = 0;
    this.entries = [];
    this.#list.replaceChildren();
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    return this.entries.map(({ field }) => field.read(reading) ?? null);
  }

  /** @param {wire.Json} value */
  fill(value) {
    this.empty();
    for (const part of Array.isArray(value) ? value : []) this.add().fill(part);
  }

  /** @returns {wire.Json} */
  keep() {
    return this.entries.map(({ field, key }) => [key?.value ?? null, field.keep()]);
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    this.empty();
    for (const pair of Array.isArray(kept) ? kept : []) {
      const [key, inner] = Array.isArray(pair) ? pair : [];
      this.add(typeof key === "string" ? key : "").restore(inner ?? null);
    }
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find([step, ...rest]) {
    const entry = this.hasKeys
      ? this.entries.find(({ key }) => key?.value === String(step))
      : this.entries[Number(step)];
    return (step !== undefined && entry?.field.find(rest)) || this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.complain("");
    for (const { field } of this.entries) field.clear();
  }

  focus() {
    this.#frame.focus();
  }
}

/** @param {Record<string, any>} schema @returns its entries are numbered, not named */
function untitled({ title, ...schema }) {
  return schema;
}

/** @param {string} name @param {string} key @param {Env} env */
function keyField(name, key, { signal, changed }) {
  const input = h("input", { class: "kgnb-input", "aria-label": `Name of ${name}`, placeholder: "Name" });
  input.value = key;
  input.addEventListener("input", changed, { signal });
  return input;
}

export class ArrayField extends Entries {
  /** @param {Spec} spec */
  constructor(spec) {
    super(spec, false);
  }

  /** @param {Reading} reading @override */
  read(reading) {
    const { schema, isRequired } = this.spec;
    const count = this.entries.length;
    if (count === 0 && !isRequired && schema.default === undefined) return undefined;
    if (count < (schema.minItems ?? 0)) {
      return reading.fail(this, `At least ${schema.minItems} entries.`);
    }
    if (count > (schema.maxItems ?? Infinity)) {
      return reading.fail(this, `At most ${schema.maxItems} entries.`);
    }
    return super.read(reading);
  }
}

export class MapField extends Entries {
  /** @param {Spec} spec */
  constructor(spec) {
    super(spec, true);
  }

  /** @param {Reading} reading @override */
  read(reading) {
    if (this.entries.length === 0 && !this.spec.isRequired) return undefined;
    const names = this.entries.map(({ key }) => key?.value ?? "");
    if (names.includes("")) return reading.fail(this, "Each entry wants a name.");
    if (new Set(names).size < names.length) return reading.fail(this, "No name may stand twice.");
    const values = this.entries.map(({ field }) => field.read(reading) ?? null);
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
  }

  /** @param {wire.Json} value @override */
  fill(value) {
    this.empty();
    for (const [name, part] of Object.entries(asObject(value))) this.add(name).fill(part);
  }
}

/**
 * A list with a field for each place.
 * @implements {Field}
 */
export class TupleField {
  #fields;
  #frame;

  /** @param {Spec} spec */
  constructor(spec) {
    const { schema, root, env, label } = spec;
    this.label = label;
    this.#fields = schema.prefixItems.map((/** @type {unknown} */ part, /** @type {number} */ index) => {
      const found = resolve(part, root);
      const name = found.title ?? `${label} ${index + 1}`;
      return makeField({ schema: found, root, env, label: name, isRequired: true });
    });
    const group = groupOf(spec);
    group.append(...this.#fields.map((/** @type {Field} */ field) => field.element));
    this.#frame = new Frame(spec, group, "group");
    this.element = this.#frame.element;
    if (schema.default != null) this.fill(schema.default);
  }

  /** @param {Reading} reading @returns {wire.Json} */
  read(reading) {
    return this.#fields.map((/** @type {Field} */ field) => field.read(reading) ?? null);
  }

  /** @param {wire.Json} value */
  fill(value) {
    const parts = Array.isArray(value) ? value : [];
    parts.forEach((part, index) => this.#fields[index]?.fill(part));
  }

  /** @returns {wire.Json} */
  keep() {
    return this.#fields.map((/** @type {Field} */ field) => field.keep());
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    const parts = Array.isArray(kept) ? kept : [];
    parts.forEach((part, index) => this.#fields[index]?.restore(part));
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find([step, ...rest]) {
    return (step !== undefined && this.#fields[Number(step)]?.find(rest)) || this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.complain("");
    for (const field of this.#fields) field.clear();
  }

  focus() {
    this.#frame.focus();
  }
}

/**
 * Any number of the values that there are: a box to tick for each.
 * @implements {Field}
 */
export class ChoicesField {
  /** @type {{box: HTMLInputElement, value: wire.Json}[]} */
  #boxes;
  #frame;

  /** @param {Spec} spec */
  constructor(spec) {
    const { schema, root, env, label } = spec;
    this.spec = spec;
    this.label = label;
    const choices = choicesOf(resolve(schema.items, root), root) ?? [];
    const group = groupOf(spec);
    this.#boxes = choices.map((choice) => {
      const box = h("input", { type: "checkbox", class: "kgnb-check" });
      box.addEventListener("input", env.changed, { signal: env.signal });
      group.append(h("label", { class: "kgnb-form-check" }, box, choice.label));
      return { box, value: choice.value };
    });
    this.#frame = new Frame(spec, group, "group");
    this.element = this.#frame.element;
    if (schema.default != null) this.fill(schema.default);
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    const { schema, isRequired } = this.spec;
    const chosen = this.#boxes.filter(({ box }) => box.checked).map(({ value }) => value);
    if (chosen.length < (schema.minItems ?? 0)) {
      return reading.fail(this, `Choose at least ${schema.minItems}.`);
    }
    if (chosen.length > (schema.maxItems ?? Infinity)) {
      return reading.fail(this, `Choose at most ${schema.maxItems}.`);
    }
    const isLeftOut = !chosen.length && !isRequired && schema.default === undefined;
    return isLeftOut ? undefined : chosen;
  }

  /** @param {wire.Json} value */
  fill(value) {
    const chosen = new Set((Array.isArray(value) ? value : []).map((part) => JSON.stringify(part)));
    for (const each of this.#boxes) each.box.checked = chosen.has(JSON.stringify(each.value));
  }

  /** @returns {wire.Json} */
  keep() {
    return this.#boxes.map(({ box }) => box.checked);
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    const ticks = Array.isArray(kept) ? kept : [];
    this.#boxes.forEach(({ box }, index) => (box.checked = ticks[index] === true));
  }

  find() {
    return this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.complain("");
  }

  focus() {
    this.#frame.focus();
  }
}
