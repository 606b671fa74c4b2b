/**
 * The ways to answer a question: its options, a text, an edit, a form, a file.
 *
 * What is typed is kept until it is sent, and what is wrong with it stands at its field.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Field } from "../form/field.js"
 */

import { Draft } from "../form/drafts.js";
import { Reading } from "../form/reading.js";
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

const UNLOADED =
  "What this question asks for cannot be typed here, since a part of kgnb could not be " +
  "loaded (has it been updated?). Reload this page.";

export class AnswerForm {
  #approval;
  #send;
  #signal;
  #draft;
  /** @type {Field | null} null where there is none, and until it is loaded */
  #field = null;
  /** Whether all is there that an answer is made of. */
  #isWhole;
  #isArmed = false;
  #wantsFocus = false;
  #form = h("form", { class: "kgnb-answer-form" });
  #reason = h("textarea", { class: "kgnb-input", rows: 2, maxlength: 2000, "aria-label": "Reason" });
  #foldedReason = h("details", { class: "kgnb-reason" }, h("summary", null, "Add a reason"), this.#reason);
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
    this.#isWhole = !hasField(approval);
    // Enter in a field must not send what only a button may send.
    this.#form.addEventListener("submit", (event) => event.preventDefault(), { signal });
    this.#reason.addEventListener("input", () => this.#save(), { signal });
    this.#form.append(
      this.#summary,
      this.#buttonRow(),
      // An input decides nothing that would want one.
      ...(approval.kind === "input" ? [] : [this.#foldedReason]),
    );
    this.element = h("fieldset", { class: "kgnb-answer" }, this.#form);
    if (this.#isWhole) this.#restore();
    else void this.#load();
    this.#stress();
  }

  /** Fetch the field, which no answer goes without. */
  async #load() {
    const fields = await import("../form/fields.js").catch((error) => {
      console.warn("kgnb: no form:", error);
    });
    if (this.#signal.aborted) return;
    if (!fields) return this.#complain([{ field: undefined, message: UNLOADED }]);
    const env = { signal: this.#signal, changed: () => this.#save() };
    this.#field = fields.fieldOf(this.#approval, env);
    this.#form.prepend(this.#field.element);
    this.#isWhole = true;
    this.#restore();
    this.#stress();
    this.#arm();
    if (this.#wantsFocus) this.#field.focus();
  }

  /**
   * @param {boolean} isArmed whether a click counts now
   * @param {boolean} isOpen whether anything may be typed: a break of the connection
   *   takes the focus from nobody
   */
  update(isArmed, isOpen) {
    this.element.disabled = !isOpen;
    this.#isArmed = isArmed;
    this.#arm();
  }

  #arm() {
    for (const button of this.#buttons) button.disabled = !(this.#isArmed && this.#isWhole);
  }

  /** Show what the judge found wrong. @param {Problem[]} problems */
  refuse(problems) {
    const placed = problems.map(({ path, message }) => ({ field: this.#field?.find(path), message }));
    this.#complain(placed);
  }

  /** Put the cursor where the answer is typed. */
  focus() {
    this.#wantsFocus = !this.#isWhole;
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
    return this.#field?.isEdited ?? null;
  }

  /** What has been edited is sent by "edit", where there is such a button. */
  #stress() {
    const edit = this.#buttons.find(({ dataset }) => dataset.option === "edit");
    const primary = (edit && this.#isEdited() && edit) || this.#buttons[0];
    for (const button of this.#buttons) button.classList.toggle("kgnb-primary", button === primary);
  }

  #save() {
    if (!this.#isWhole) return; // what is kept of the field is not lost before it is there
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
    if (typeof kept.reason !== "string" || this.#reason.value) return;
    this.#reason.value = kept.reason;
    this.#foldedReason.open ||= kept.reason !== "";
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

/** @param {wire.ApprovalView} approval @returns {boolean} false where a click says all */
function hasField({ kind, options }) {
  if (kind === "edit" || kind === "file") return true;
  return kind !== "confirm" && !options?.length;
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
