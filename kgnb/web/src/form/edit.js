/**
 * A payload that may be changed before it is approved, and what was changed in it.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Env, Field, Spec } from "./field.js"
 */

import { h, setText } from "../views/elements.js";
import { readable } from "../views/format.js";
import { hidesSomething } from "../views/visible.js";
import { valueBox } from "../views/value.js";
import { diffBox, lineDiff, summary } from "./diff.js";
import { smallButton } from "./field.js";
import { makeField } from "./make.js";
import { Reading } from "./reading.js";
import { JsonField, Scalar } from "./scalars.js";
import { inferred, resolve } from "./schema.js";

/** The payload as a text of its own: nothing is trimmed, and empty is a text too. */
class PayloadText extends Scalar {
  /** @param {Spec} spec */
  constructor(spec) {
    super(spec, h("textarea", { class: "kgnb-input", rows: 8 }));
  }

  /** @override */
  read() {
    return this.control.value;
  }
}

/**
 * The fields of a payload; below them what was changed, and the way back.
 * @implements {Field}
 */
export class EditField {
  label = "Edit";
  #payload;
  #shown;
  /** @type {Field} */
  #field;
  #changes = h("details", { class: "kgnb-changes", hidden: true });
  #changesTitle = h("summary", null);
  #undo;

  /**
   * @param {wire.Json} payload
   * @param {Record<string, any> | null} schema the kernel's; null for plain JSON
   * @param {Env} env
   */
  constructor(payload, schema, env) {
    this.#payload = payload;
    const undo = smallButton("Undo my changes", "Undo my changes", () => this.fill(payload), env);
    const root = schema ?? inferred(payload);
    const inner = { ...env, changed: () => (this.#compare(), env.changed()) };
    const wanted = { schema: resolve(root, root), root, label: "Edit", isRequired: true, env: inner };
    this.#field = editorOf(payload, wanted, schema === null);
    this.#changes.append(this.#changesTitle, h("div", { class: "kgnb-changes-body" }));
    this.#undo = h("div", { class: "kgnb-options", hidden: true }, undo);
    this.element = h("div", { class: "kgnb-edit" }, this.#field.element, this.#changes, this.#undo);
    if (hidesSomething(readable(payload))) this.element.prepend(valueBox(payload));
    this.#field.fill(payload);
    // As the fields read it: a date that was filled in is no change of it.
    this.#shown = this.#text();
  }

  /** @returns {string | null} null while it cannot be read */
  #text() {
    const reading = new Reading();
    const value = this.#field.read(reading);
    return reading.problems.length ? null : readable(value ?? null);
  }

  #compare() {
    const now = this.#text();
    if (now === null || this.#shown === null) return;
    const lines = lineDiff(this.#shown, now);
    const told = summary(lines);
    this.element.dataset.edited = String(told !== "");
    setText(this.#changesTitle, told && `Edited: ${told}`);
    this.#changes.hidden = this.#undo.hidden = told === "";
    this.#changes.lastElementChild?.replaceChildren(diffBox(lines));
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    const value = this.#field.read(reading);
    // The very payload where nothing was changed, whatever the fields made of it.
    const isSame = !reading.problems.length && readable(value ?? null) === this.#shown;
    return isSame ? this.#payload : value;
  }

  get isEdited() {
    return this.#text() !== this.#shown;
  }

  /** @param {wire.Json} value */
  fill(value) {
    this.#field.fill(value);
    this.#compare();
  }

  keep() {
    return this.#field.keep();
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    this.#field.restore(kept);
    this.#compare();
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find(path) {
    return this.#field.find(path);
  }

  /** @param {string} message */
  complain(message) {
    this.#field.complain(message);
  }

  clear() {
    this.#field.clear();
  }

  focus() {
    this.#field.focus();
  }
}

/**
 * @param {wire.Json} payload
 * @param {Omit<Spec, "isNullable">} wanted
 * @param {boolean} isPlain whether the payload has no schema but the one made of it
 * @returns {Field}
 */
function editorOf(payload, wanted, isPlain) {
  const spec = { ...wanted, isNullable: false };
  if (typeof payload === "string" && isPlain) return new PayloadText(spec);
  if (isPlain && payload && typeof payload === "object") return new EitherField(wanted);
  return makeField(wanted);
}

/**
 * Fields made of the value itself, or its JSON: only there can parts be added.
 * @implements {Field}
 */
class EitherField {
  label;
  #fields;
  #json;
  #toggle;
  #isJson = false;

  #wanted;

  /** @param {Omit<Spec, "isNullable">} wanted */
  constructor(wanted) {
    this.label = wanted.label;
    this.#wanted = wanted;
    this.#fields = makeField(wanted);
    const { schema: _inferred, ...rest } = wanted;
    this.#json = new JsonField({ ...rest, schema: {}, isNullable: false, label: "Your answer as JSON" }, 10);
    this.#json.element.hidden = true;
    this.#toggle = smallButton("Edit as JSON", "Edit as JSON", () => this.#turn(), wanted.env);
    this.element = h("div", { class: "kgnb-either" }, this.#fields.element, this.#json.element, this.#toggle);
  }

  get #current() {
    return this.#isJson ? this.#json : this.#fields;
  }

  #turn() {
    const reading = new Reading();
    const value = this.#current.read(reading);
    for (const { field, message } of reading.problems) field.complain(message);
    if (reading.problems.length) return;
    if (this.#isJson) this.#makeFields(value ?? null);
    this.#show(!this.#isJson);
    this.#current.fill(value ?? null);
  }

  /** @param {wire.Json} value parts may have come and gone in its JSON */
  #makeFields(value) {
    const schema = inferred(value);
    const { element } = this.#fields;
    this.#fields = makeField({ ...this.#wanted, schema, root: schema });
    element.replaceWith(this.#fields.element);
  }

  /** @param {boolean} isJson */
  #show(isJson) {
    this.#isJson = isJson;
    this.#json.element.hidden = !isJson;
    this.#fields.element.hidden = isJson;
    const label = isJson ? "Edit field by field" : "Edit as JSON";
    setText(this.#toggle, label);
    this.#toggle.setAttribute("aria-label", label);
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    return this.#current.read(reading);
  }

  /** @param {wire.Json} value */
  fill(value) {
    this.#current.fill(value);
  }

  /** @returns {wire.Json} */
  keep() {
    return { json: this.#isJson, inner: this.#current.keep() };
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    if (!kept || typeof kept !== "object" || Array.isArray(kept)) return;
    this.#show(kept.json === true);
    this.#current.restore(kept.inner ?? null);
  }

  /** @param {(string | number)[]} path @returns {Field} */
  find(path) {
    return this.#isJson ? this.#json : this.#fields.find(path);
  }

  /** @param {string} message */
  complain(message) {
    this.#current.complain(message);
  }

  clear() {
    this.#fields.clear();
    this.#json.clear();
  }

  focus() {
    this.#current.focus();
  }
}
