/**
 * The ways to answer a question: its options, a text, an edit, a form, a file.
 *
 * What is typed is kept until it is sent, and what is wrong with it stands at its field.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Env, Field } from "../form/field.js"
 */

import { Draft } from "../form/drafts.js";
import { EditField } from "../form/edit.js";
import { Reading } from "../form/field.js";
import { FileField } from "../form/file.js";
import { makeField } from "../form/make.js";
import { resolve } from "../form/schema.js";
import { h, setText } from "./elements.js";
import { inline } from "./format.js";
import { visible } from "./visible.js";

/**
 * What an answer has besides its value.
 * @typedef {{reason?: string, edited_payload?: wire.Json}} Besides
 */

/**
 * @callback Send
 * @param {wire.Json} value
 * @param {Besides} besides
 * @returns {void}
 */

/** @typedef {{path: (string | number)[], message: string}} Problem */

const UNCHANGED = "Nothing is changed yet: change it here, then send it by “edit”.";

export class AnswerForm {
  #approval;
  #send;
  #signal;
  #draft;
  /** @type {Field | null} */
  #field;
  #reason = h("textarea", { class: "kgnb-input", rows: 2, maxlength: 2000, "aria-label": "Reason" });
  #summary = h("p", { class: "kgnb-form-summary", role: "alert" });
  /** @type {HTMLButtonElement[]} those that send */
  #buttons = [];

  /**
   * @param {wire.ApprovalView} approval
   * @param {Send} send
   * @param {AbortSignal} signal
   */
  constructor(approval, send, signal) {
    this.#approval = approval;
    this.#send = send;
    this.#signal = signal;
    this.#draft = new Draft(approval);
    this.#field = fieldOf(approval, { signal, changed: () => this.#save() });
    const form = h("form", { class: "kgnb-answer-form" });
    // Enter in a field must not send what only a button may send.
    form.addEventListener("submit", (event) => event.preventDefault(), { signal });
    const foldedReason = h("details", { class: "kgnb-reason" }, h("summary", null, "Add a reason"), this.#reason);
    this.#reason.addEventListener("input", () => this.#save(), { signal });
    form.append(
      ...(this.#field ? [this.#field.element] : []),
      this.#summary,
      this.#buttonRow(),
      // An input decides nothing that would want one.
      ...(approval.kind === "input" ? [] : [foldedReason]),
    );
    this.element = h("fieldset", { class: "kgnb-answer" }, form);
    this.#restore();
    if (this.#reason.value) foldedReason.open = true;
    this.#stress();
  }

  /**
   * @param {boolean} isArmed whether a click counts now
   * @param {boolean} isOpen whether anything may be typed: a break of the connection
   *   takes the focus from nobody
   */
  update(isArmed, isOpen) {
    this.element.disabled = !isOpen;
    for (const button of this.#buttons) button.disabled = !isArmed;
  }

  /** Show what the judge found wrong. @param {Problem[]} problems */
  refuse(problems) {
    const placed = problems.map(({ path, message }) => ({ field: this.#field?.find(path), message }));
    this.#complain(placed);
  }

  /** Put the cursor where the answer is typed. */
  focus() {
    this.#field?.focus();
  }

  /** The question is over: nothing of it is kept. */
  forget() {
    this.#draft.forget();
  }

  #buttonRow() {
    const row = h("div", { class: "kgnb-options" });
    for (const [index, { label, value, isAnswer }] of buttonsOf(this.#approval).entries()) {
      const act = () => this.#act(isAnswer ? value : undefined);
      const button = optionButton(label, index === 0, act, this.#signal);
      this.#buttons.push(button);
      row.append(button);
    }
    return row;
  }

  /** @param {wire.Json | undefined} option undefined sends the field's value */
  #act(option) {
    const field = this.#field;
    field?.clear();
    this.#complain([]);
    const reading = new Reading();
    const value = field?.read(reading);
    if (reading.problems.length) return this.#complain(reading.problems, true);
    const reason = this.#reason.value.trim();
    /** @type {Besides} */
    const besides = reason ? { reason } : {};
    if (option === undefined) return this.#send(value ?? null, besides);
    const isEdited = this.#isEdited();
    if (option === "edit" && isEdited === false) {
      this.#complain([{ field: undefined, message: UNCHANGED }]);
      return /** @type {HTMLElement | undefined | null} */ (field?.element.querySelector("input, select, textarea"))?.focus();
    }
    this.#send(option, isEdited ? { ...besides, edited_payload: value ?? null } : besides);
  }

  /**
   * @param {{field: Field | undefined, message: string}[]} problems
   * @param {boolean} [moves] the focus, to the first of them
   */
  #complain(problems, moves = false) {
    for (const { field, message } of problems) field?.complain(message);
    setText(this.#summary, summaryOf(problems, this.#field));
    // What stands at the only field is read out, and not shown twice.
    const isSaid = problems.every(({ field }) => field && field === this.#field);
    this.#summary.classList.toggle("kgnb-unseen", isSaid);
    if (moves) problems[0]?.field?.focus();
  }

  /** @returns {boolean | null} null where there is nothing that could be edited */
  #isEdited() {
    return this.#field instanceof EditField ? this.#field.isEdited : null;
  }

  /** What has been edited is sent by "edit", where there is such a button. */
  #stress() {
    const edit = this.#buttons.find(({ dataset }) => dataset.option === "edit");
    const primary = (edit && this.#isEdited() && edit) || this.#buttons[0];
    for (const button of this.#buttons) button.classList.toggle("kgnb-primary", button === primary);
  }

  #save() {
    this.#stress();
    if (this.#isEdited() && this.#summary.textContent === UNCHANGED) this.#complain([]);
    this.#draft.save({ field: this.#field?.keep() ?? null, reason: this.#reason.value });
  }

  /** What was typed before a reload; else what was answered and could not be taken. */
  #restore() {
    const { correction } = this.#approval;
    const kept = this.#draft.load();
    if (correction) {
      this.#field?.fill(correction.value ?? null);
      const problems = /** @type {Problem[]} */ (correction.problems);
      // A live region speaks of what changes in it, not of what it is born with.
      setTimeout(() => this.refuse(problems));
    }
    if (!kept || typeof kept !== "object" || Array.isArray(kept)) return;
    if (kept.field != null) this.#field?.restore(kept.field);
    if (typeof kept.reason === "string") this.#reason.value = kept.reason;
  }
}

/**
 * @param {{field: Field | undefined, message: string}[]} problems
 * @param {Field | null} top
 */
function summaryOf(problems, top) {
  if (problems.length === 0) return "";
  const general = problems.filter(({ field }) => !field || field === top);
  const named = problems.filter(({ field }) => field && field !== top);
  if (!named.length) return general.map(({ message }) => message).join(" ");
  const names = [...new Set(named.map(({ field }) => field?.label))].join(", ");
  return `Please look again at: ${names}.`;
}

/** @param {wire.ApprovalView} approval @param {Env} env @returns {Field | null} */
function fieldOf(approval, env) {
  const { kind, schema, payload, options } = approval;
  if (kind === "edit") return new EditField(payload, schema, env);
  if (kind === "confirm" || (kind !== "file" && options?.length)) return null;
  const root = schema ?? { type: "string", format: "textarea" };
  const label = kind === "input" ? "Your input" : "Your answer";
  const spec = { schema: resolve(root, root), root, label, isRequired: true, env };
  const field = kind === "file" ? new FileField({ ...spec, isNullable: false }) : makeField(spec);
  field.element.classList.add("kgnb-form-top");
  return field;
}

/**
 * @typedef {object} Choice
 * @property {string} label
 * @property {wire.Json} value
 * @property {boolean} isAnswer the value is the answer, and not what stands in the field
 */

/** @param {wire.ApprovalView} approval @returns {Choice[]} */
function buttonsOf({ kind, options }) {
  if (options?.length && kind !== "file") {
    return options.map((option) => ({ label: inline(option), value: option, isAnswer: true }));
  }
  if (kind === "confirm") {
    return [
      { label: "Yes", value: true, isAnswer: true },
      { label: "No", value: false, isAnswer: true },
    ];
  }
  return [{ label: kind === "edit" ? "Approve" : "Send", value: null, isAnswer: false }];
}

/**
 * @param {string} label its own words are its accessible name
 * @param {boolean} isPrimary
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
function optionButton(label, isPrimary, act, signal) {
  const rank = isPrimary ? "kgnb-button kgnb-primary" : "kgnb-button";
  const element = h("button", { type: "button", class: rank }, visible(label));
  element.dataset.option = label;
  // Only a person's click counts, not one that a script of the page makes up.
  element.addEventListener("click", (event) => event.isTrusted && act(), { signal });
  return element;
}
