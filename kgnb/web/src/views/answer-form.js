/**
 * The ways to answer a question: its options, a free text, an edit, a form, a file.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { h } from "./elements.js";
import { inline, readable } from "./format.js";
import { visible } from "./visible.js";

/**
 * @callback Send
 * @param {wire.Json} value
 * @param {string} [reason]
 * @returns {void}
 */

/**
 * @param {wire.ApprovalView} approval
 * @param {Send} send
 * @param {AbortSignal} signal
 * @returns {HTMLFieldSetElement} disabled as a whole while no click may count
 */
export function answerForm(approval, send, signal) {
  const field = h("fieldset", { class: "kgnb-answer" });
  const form = h("form", { class: "kgnb-answer-form" });
  // Enter in a field must not send what only a button may send.
  form.addEventListener("submit", (event) => event.preventDefault(), { signal });
  form.append(...inputs(approval, send, signal));
  field.append(form);
  return field;
}

/** @param {wire.ApprovalView} approval @param {Send} send @param {AbortSignal} signal */
function inputs(approval, send, signal) {
  if (approval.kind === "edit") return editor(approval, send, signal);
  if (approval.kind === "file") return filePicker(send, signal);
  if (approval.options?.length) return [optionRow(approval.options, send, signal)];
  if (approval.kind === "confirm") {
    const row = h("div", { class: "kgnb-options" });
    row.append(
      button("Yes", "primary", () => send(true), signal),
      button("No", "", () => send(false), signal),
    );
    return [row];
  }
  if (approval.schema && isFlatObject(approval.schema)) {
    return schemaForm(approval.schema, send, signal);
  }
  if (approval.schema) return jsonEditor("", send, signal);
  return freeText(send, signal);
}

/** @param {wire.Json[]} options @param {Send} send @param {AbortSignal} signal */
function optionRow(options, send, signal) {
  const row = h("div", { class: "kgnb-options" });
  options.forEach((option, index) => {
    const rank = index === 0 ? "primary" : "";
    row.append(button(inline(option), rank, () => send(option), signal));
  });
  return row;
}

/**
 * @param {string} label its own words are its accessible name
 * @param {string} rank
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
function button(label, rank, act, signal) {
  const element = h(
    "button",
    { type: "button", class: `kgnb-button ${rank && `kgnb-${rank}`}`.trim() },
    visible(label),
  );
  element.dataset.option = label;
  // Only a person's click counts, not one that a script of the page makes up.
  element.addEventListener("click", (event) => event.isTrusted && act(), { signal });
  return element;
}

/** @param {Send} send @param {AbortSignal} signal */
function freeText(send, signal) {
  const input = h("textarea", {
    class: "kgnb-input",
    rows: 2,
    "aria-label": "Your answer",
    placeholder: "Your answer",
  });
  const row = h("div", { class: "kgnb-options" });
  row.append(button("Send", "primary", () => send(input.value), signal));
  return [input, row];
}

/** @param {wire.ApprovalView} approval @param {Send} send @param {AbortSignal} signal */
function editor(approval, send, signal) {
  if (typeof approval.payload !== "string") {
    return jsonEditor(readable(approval.payload), send, signal);
  }
  const input = h("textarea", { class: "kgnb-input", rows: 8, "aria-label": "Edit" });
  input.value = approval.payload;
  const row = h("div", { class: "kgnb-options" });
  row.append(button("Approve", "primary", () => send(input.value), signal));
  return [input, row];
}

/** @param {string} text @param {Send} send @param {AbortSignal} signal */
function jsonEditor(text, send, signal) {
  const label = "Your answer as JSON";
  const input = h("textarea", {
    class: "kgnb-input kgnb-input-json",
    rows: 6,
    spellcheck: "false",
    "aria-label": label,
  });
  input.value = text;
  const complaint = h("p", { class: "kgnb-input-error", role: "alert" });
  const row = h("div", { class: "kgnb-options" });
  const act = () => {
    try {
      const value = JSON.parse(input.value);
      complaint.textContent = "";
      send(value);
    } catch (error) {
      complaint.textContent = `This is not JSON: ${/** @type {Error} */ (error).message}`;
    }
  };
  row.append(button("Approve", "primary", act, signal));
  return [input, complaint, row];
}

/** @param {Record<string, any>} schema */
function isFlatObject(schema) {
  const simple = ["string", "number", "integer", "boolean"];
  return (
    schema.type === "object" &&
    Object.values(schema.properties ?? {}).every(
      (property) => simple.includes(property?.type) || Array.isArray(property?.enum),
    )
  );
}

/** @param {Record<string, any>} schema @param {Send} send @param {AbortSignal} signal */
function schemaForm(schema, send, signal) {
  const required = new Set(schema.required ?? []);
  /** @type {[string, () => wire.Json | undefined][]} */
  const readers = [];
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const { element, read } = schemaInput(name, /** @type {any} */ (property));
    if (required.has(name)) element.setAttribute("aria-required", "true");
    readers.push([name, read]);
    const label = h("span", { class: "kgnb-form-name" }, property.title ?? name);
    const about =
      property.description && h("span", { class: "kgnb-form-about" }, property.description);
    return h("label", { class: "kgnb-form-row" }, label, element, about);
  });
  const row = h("div", { class: "kgnb-options" });
  const act = () => {
    const values = readers.map(([name, read]) => [name, read()]);
    send(Object.fromEntries(values.filter(([, value]) => value !== undefined)));
  };
  row.append(button("Send", "primary", act, signal));
  return [...rows, row];
}

/**
 * @param {string} name
 * @param {{type?: string, enum?: wire.Json[], default?: wire.Json}} property
 * @returns {{element: HTMLElement, read: () => wire.Json | undefined}}
 */
function schemaInput(name, property) {
  if (property.enum) {
    const options = property.enum;
    const select = h("select", { class: "kgnb-input", name });
    select.append(...options.map((option, index) => h("option", { value: index }, inline(option))));
    const chosen = options.indexOf(property.default ?? null);
    if (chosen >= 0) select.value = String(chosen);
    return { element: select, read: () => options[Number(select.value)] };
  }
  if (property.type === "boolean") {
    const box = h("input", { type: "checkbox", name });
    box.checked = property.default === true;
    return { element: box, read: () => box.checked };
  }
  const isNumber = property.type === "number" || property.type === "integer";
  const input = h("input", {
    class: "kgnb-input",
    type: isNumber ? "number" : "text",
    step: property.type === "number" ? "any" : null,
    name,
  });
  if (property.default !== undefined) input.value = inline(property.default);
  if (!isNumber) return { element: input, read: () => input.value };
  const read = () => (input.value === "" ? undefined : Number(input.value));
  return { element: input, read };
}

const LARGEST_FILE = 700_000; // as base64 it must fit into one frame

/** @param {Send} send @param {AbortSignal} signal */
function filePicker(send, signal) {
  const input = h("input", { type: "file", class: "kgnb-input", "aria-label": "File" });
  const complaint = h("p", { class: "kgnb-input-error", role: "alert" });
  const row = h("div", { class: "kgnb-options" });
  const act = async () => {
    const file = input.files?.[0];
    if (!file) return void (complaint.textContent = "Choose a file first.");
    if (file.size > LARGEST_FILE) {
      return void (complaint.textContent = `${file.name} is larger than 700 kB.`);
    }
    complaint.textContent = "";
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    send({ name: file.name, type: file.type, size: file.size, content: btoa(text) });
  };
  row.append(button("Send", "primary", () => void act(), signal));
  return [input, complaint, row];
}
