/**
 * Fields of several fields: objects, and what may be left out or be one of several.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Field, Spec } from "./field.js"
 * @import { Reading } from "./reading.js"
 * @import { Schema } from "./schema.js"
 */

import { h } from "../views/elements.js";
import { Frame } from "./field.js";
import { makeField, makeInner } from "./make.js";
import { members, resembles, resolve, titleOf } from "./schema.js";

/** @param {wire.Json} value @returns {Record<string, wire.Json>} */
export function asObject(value) {
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** @param {Spec} spec @returns {HTMLFieldSetElement} */
export function groupOf({ schema }) {
  return h("fieldset", { class: "kgnb-form-group", "data-type": schema.title ?? null });
}

/** @implements {Field} */
export class ObjectField {
  /** @type {Map<string, Field>} */
  #fields = new Map();
  /** What was filled in beside the fields, which goes back as it came. */
  #rest = /** @type {Record<string, wire.Json>} */ ({});
  #frame;

  /** @param {Spec} spec */
  constructor(spec) {
    const { schema, root, env } = spec;
    this.label = spec.label;
    const required = new Set(schema.required ?? []);
    const group = groupOf(spec);
    for (const [name, part] of Object.entries(schema.properties ?? {})) {
      const found = resolve(part, root);
      const field = makeField({
        schema: found,
        root,
        label: found.title && found.title !== name ? found.title : titleOf(name),
        isRequired: required.has(name),
        env,
      });
      this.#fields.set(name, field);
      group.append(field.element);
    }
    this.#frame = new Frame(spec, group, "group");
    this.element = this.#frame.element;
    if (schema.default) this.fill(schema.default);
  }

  /** @param {Reading} reading @returns {wire.Json} */
  read(reading) {
    const read = [...this.#fields].map(([name, field]) => [name, field.read(reading)]);
    return { ...this.#rest, ...Object.fromEntries(read.filter(([, value]) => value !== undefined)) };
  }

  /** @param {wire.Json} value */
  fill(value) {
    const { ...rest } = asObject(value);
    for (const [name, field] of this.#fields) {
      if (name in rest) field.fill(rest[name] ?? null);
      delete rest[name];
    }
    this.#rest = rest;
  }

  /** @returns {wire.Json} */
  keep() {
    return Object.fromEntries([...this.#fields].map(([name, field]) => [name, field.keep()]));
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    const known = asObject(kept);
    for (const [name, field] of this.#fields) {
      if (name in known) field.restore(known[name] ?? null);
    }
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find([name, ...rest]) {
    return this.#fields.get(String(name))?.find(rest) ?? this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.complain("");
    for (const field of this.#fields.values()) field.clear();
  }

  focus() {
    this.#frame.focus();
  }
}

/**
 * A group that may be left out: a box to tick, and the group once it is ticked.
 * @implements {Field}
 */
export class OptionalField {
  #box = h("input", { type: "checkbox", class: "kgnb-check" });
  #place = h("div", { class: "kgnb-form-inner", hidden: true });
  /** @type {Field | null} */
  #inner = null;
  #spec;
  #frame;

  /** @param {Spec} spec */
  constructor(spec) {
    const { schema, env } = spec;
    this.label = spec.label;
    const { default: given, description, ...inner } = schema;
    this.#spec = { ...spec, schema: inner, isRequired: true, isNullable: false };
    this.#frame = new Frame({ ...spec, schema: { description } }, this.#box, "box");
    this.element = h("div", { class: "kgnb-form-row" }, this.#frame.element, this.#place);
    const onInput = () => {
      this.#switch();
      env.changed();
    };
    this.#box.addEventListener("input", onInput, { signal: env.signal });
    this.isNullable = spec.isNullable && (spec.isRequired || given != null);
    if (given != null) this.fill(given);
  }

  #switch(isOn = this.#box.checked) {
    this.#box.checked = isOn;
    if (isOn && !this.#inner) {
      // Made when it is wanted: a schema may hold itself.
      this.#inner = makeInner(this.#spec);
      this.#place.append(this.#inner.element);
    }
    this.#place.hidden = !isOn;
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    if (this.#box.checked) return this.#inner?.read(reading);
    return this.isNullable ? null : undefined;
  }

  /** @param {wire.Json} value */
  fill(value) {
    this.#switch(value !== null);
    if (value !== null) this.#inner?.fill(value);
  }

  /** @returns {wire.Json} */
  keep() {
    return { on: this.#box.checked, inner: this.#inner?.keep() ?? null };
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    const { on, inner } = asObject(kept);
    this.#switch(on === true);
    if (inner != null) this.#inner?.restore(inner);
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find(path) {
    return (this.#box.checked && this.#inner?.find(path)) || this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.complain("");
    this.#inner?.clear();
  }

  focus() {
    this.#frame.focus();
  }
}

/**
 * One of several schemas: first which, then that one's fields.
 * @implements {Field}
 */
export class UnionField {
  #group;
  #frame;
  #select;
  #spec;
  #members;
  #place = h("div", { class: "kgnb-form-inner" });
  /** @type {Map<number, Field>} */
  #made = new Map();

  /** @param {Spec} spec */
  constructor(spec) {
    const { schema, root, env } = spec;
    this.label = spec.label;
    this.#spec = spec;
    this.#members = members(schema, root);
    const options = this.#members.map((member, index) =>
      h("option", { value: index }, memberTitle(member, index)),
    );
    this.#select = h("select", { class: "kgnb-input", "aria-label": `${spec.label}: kind` }, ...options);
    this.#group = groupOf(spec);
    this.#group.append(this.#select, this.#place);
    this.#frame = new Frame(spec, this.#group, "group");
    this.element = this.#frame.element;
    const onInput = () => {
      this.#choose();
      env.changed();
    };
    this.#select.addEventListener("input", onInput, { signal: env.signal });
    this.#choose();
    if (schema.default != null) this.fill(schema.default);
  }

  get #field() {
    const found = this.#made.get(Number(this.#select.value));
    if (!found) throw new Error("a union has chosen no member");
    return found;
  }

  #choose(index = Number(this.#select.value)) {
    this.#select.value = String(index);
    if (!this.#made.has(index)) {
      const { root, env, label } = this.#spec;
      const schema = this.#members[index] ?? {};
      const title = memberTitle(schema, index);
      const field = makeField({ schema, root, env, isRequired: true, label: title || label });
      this.#made.set(index, field);
    }
    this.#place.replaceChildren(this.#field.element);
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    return this.#field.read(reading);
  }

  /** @param {wire.Json} value */
  fill(value) {
    const { root } = this.#spec;
    const index = this.#members.findIndex((member) => resembles(member, value, root));
    this.#choose(Math.max(0, index));
    this.#field.fill(value);
  }

  /** @returns {wire.Json} */
  keep() {
    return { member: Number(this.#select.value), inner: this.#field.keep() };
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    const { member, inner } = asObject(kept);
    if (typeof member !== "number" || !this.#members[member]) return;
    this.#choose(member);
    this.#field.restore(inner ?? null);
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find(path) {
    return path.length ? this.#field.find(path) : this;
  }

  /** @param {string} message */
  complain(message) {
    this.#frame.complain(message);
  }

  clear() {
    this.complain("");
    for (const field of this.#made.values()) field.clear();
  }

  focus() {
    this.#select.focus();
  }
}

/** @type {Record<string, string>} */
const TYPE_NAMES = {
  integer: "Whole number",
  number: "Number",
  string: "Text",
  boolean: "Yes or no",
  array: "List",
  object: "Object",
};

/** @param {Schema} member @param {number} index */
function memberTitle(member, index) {
  return member.title ?? TYPE_NAMES[member.type] ?? TYPE_NAMES[typeof member.const] ?? `Kind ${index + 1}`;
}
