/**
 * A file of the person's: chosen, or dropped.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Field, Spec } from "./field.js"
 * @import { Reading } from "./reading.js"
 */

import { h, setText } from "../views/elements.js";
import { sizeOf } from "../views/format.js";
import { Frame, empty, smallButton } from "./field.js";
import { asObject } from "./groups.js";

const LARGEST = 700_000; // bytes: as base64 they fit into one frame

/**
 * The control: an input inside the place where a file may be dropped. What was read is
 * held here, for reading is asynchronous and sending is not.
 */
class Picker {
  #note = h("p", { class: "kgnb-file-note" });
  #remove;
  #changed;
  #reads = 0;
  /** @type {{name: string, type: string, size: number, content: string} | null} */
  file = null;
  problem = "";
  isReading = false;

  /**
   * @param {Spec} spec
   * @param {{accept: string[] | null, largest: number}} limits
   */
  constructor({ label, env }, { accept, largest }) {
    const { signal, changed } = env;
    this.accept = accept;
    this.largest = largest;
    this.#changed = changed;
    this.input = h("input", {
      type: "file",
      class: "kgnb-file-input",
      accept: accept && accept.join(","),
    });
    this.#remove = smallButton("Remove", `Remove the file of ${label}`, () => this.#clear(), env);
    this.#remove.hidden = true;
    const allowed = [accept && accept.join(", "), `at most ${sizeOf(largest)}`].filter(Boolean);
    this.element = h(
      "div",
      { class: "kgnb-file" },
      h("p", { class: "kgnb-file-hint" }, `Choose a file or drop it here: ${allowed.join("; ")}.`),
      this.input,
      h("div", { class: "kgnb-file-chosen" }, this.#note, this.#remove),
    );
    const onChange = () => void this.#take(this.input.files?.[0]);
    this.input.addEventListener("change", onChange, { signal });
    this.#listenForDrops(signal);
    setText(this.#note, "No file chosen yet.");
  }

  /** @param {AbortSignal} signal */
  #listenForDrops(signal) {
    const { element } = this;
    const isOver = (/** @type {boolean} */ value) => (element.dataset.over = String(value));
    const onOver = (/** @type {DragEvent} */ event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      // Without this the browser would open the file in place of the page.
      event.preventDefault();
      event.stopPropagation();
      isOver(true);
    };
    const onDrop = (/** @type {DragEvent} */ event) => {
      onOver(event);
      isOver(false);
      const files = event.dataTransfer?.files;
      if (!files?.length || this.input.matches(":disabled")) return;
      if (files.length > 1) return this.#refuse("One file at a time.");
      this.input.files = files;
      void this.#take(files[0]);
    };
    element.addEventListener("dragenter", onOver, { signal });
    element.addEventListener("dragover", onOver, { signal });
    element.addEventListener("dragleave", () => isOver(false), { signal });
    element.addEventListener("drop", onDrop, { signal });
  }

  /** @param {File | undefined} file */
  async #take(file) {
    if (!file) return; // the dialogue was cancelled: what was chosen stays
    const problem = this.#problemOf(file);
    if (problem) return this.#refuse(problem);
    this.#reads += 1;
    const read = this.#reads;
    this.isReading = true;
    this.#tell(`Reading ${file.name} …`);
    try {
      const content = await base64Of(file);
      if (read !== this.#reads) return;
      this.file = { name: file.name, type: file.type, size: file.size, content };
      this.problem = "";
      this.#tell(`${file.name}, ${sizeOf(file.size)}`);
    } catch {
      if (read === this.#reads) this.#refuse(`${file.name} could not be read.`);
    } finally {
      if (read === this.#reads) this.isReading = false;
      this.#changed();
    }
  }

  /** @param {File} file @returns {string} */
  #problemOf({ name, size, type }) {
    if (size > this.largest) {
      return `${name} is too large: ${sizeOf(size)}, and at most ${sizeOf(this.largest)} can be sent.`;
    }
    if (this.accept && !this.accept.some((each) => accepts(each, name, type))) {
      return `${name} is not of the kinds that are asked for: ${this.accept.join(", ")}.`;
    }
    return "";
  }

  /** @param {string} problem */
  #refuse(problem) {
    this.#clear();
    this.problem = problem;
    this.#changed();
    this.onRefused(problem);
  }

  /** Called when a file cannot be taken, at once and not when it is sent. */
  onRefused = (/** @type {string} */ _problem) => {};

  #clear() {
    this.#reads += 1;
    this.isReading = false;
    this.file = null;
    this.problem = "";
    this.input.value = "";
    this.#tell("No file chosen yet.");
    this.onRefused("");
  }

  /** @param {string} text */
  #tell(text) {
    setText(this.#note, text);
    this.#remove.hidden = !this.file && !this.isReading;
    this.element.dataset.chosen = String(this.file !== null);
  }

  /** @param {string} name of the file before the page was reloaded */
  missing(name) {
    if (!this.file) this.#tell(`Choose ${name} again: a page that is loaded anew has no files.`);
  }
}

/** @implements {Field} */
class PickedField {
  /**
   * @param {Spec} spec
   * @param {{accept: string[] | null, largest: number}} limits
   */
  constructor(spec, limits) {
    this.spec = spec;
    this.label = spec.label;
    this.picker = new Picker(spec, limits);
    this.frame = new Frame(spec, this.picker.input, "row", this.picker.element);
    this.element = this.frame.element;
    this.picker.onRefused = (problem) => this.complain(problem);
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  read(reading) {
    const { file, problem, isReading } = this.picker;
    if (isReading) return reading.fail(this, "The file is still being read.");
    if (problem) return reading.fail(this, problem);
    return file ? this.valueOf(file) : this.readEmpty(reading);
  }

  /** @param {Reading} reading @returns {wire.Json | undefined} */
  readEmpty(reading) {
    return empty(this.spec, this, reading, "Choose a file.");
  }

  /** @param {{name: string, type: string, size: number, content: string}} file @returns {wire.Json} */
  valueOf(file) {
    return file;
  }

  /** @param {wire.Json} _value */
  fill(_value) {}

  /** @returns {wire.Json} */
  keep() {
    return this.picker.file?.name ?? null;
  }

  /** @param {wire.Json} kept */
  restore(kept) {
    if (typeof kept === "string") this.picker.missing(kept);
  }

  find() {
    return this;
  }

  /** @param {string} message */
  complain(message) {
    this.frame.complain(message);
  }

  clear() {
    this.frame.complain(this.picker.problem);
  }

  focus() {
    this.frame.focus();
  }
}

/** The whole answer is a file: `{name, type, size, content}`. */
export class FileField extends PickedField {
  /** @param {Spec} spec its schema tells size and kinds */
  constructor(spec) {
    const { accept, properties } = spec.schema;
    const largest = asObject(properties).size;
    super(spec, {
      accept: Array.isArray(accept) ? accept : null,
      largest: Number(asObject(largest ?? null).maximum ?? LARGEST),
    });
  }
}

/** A field of bytes: a file's content, in base64. */
export class BytesField extends PickedField {
  /** What stands there already, as a default or before an edit. */
  #given = /** @type {wire.Json | undefined} */ (undefined);

  /** @param {Spec} spec */
  constructor(spec) {
    const { contentMediaType, maxLength } = spec.schema;
    const accept = contentMediaType ? [contentMediaType] : null;
    super(spec, { accept, largest: maxLength ? Math.min(LARGEST, (maxLength * 3) / 4) : LARGEST });
    if (spec.schema.default !== undefined) this.fill(spec.schema.default);
  }

  /** @param {Reading} reading @override */
  readEmpty(reading) {
    return this.#given === undefined ? super.readEmpty(reading) : this.#given;
  }

  /** @param {{content: string}} file @override */
  valueOf({ content }) {
    return content;
  }

  /** @param {wire.Json} value @override */
  fill(value) {
    this.#given = value ?? undefined;
  }
}

/** @param {string} accepted @param {string} name @param {string} type @returns {boolean} */
function accepts(accepted, name, type) {
  if (accepted.startsWith(".")) return name.toLowerCase().endsWith(accepted);
  if (accepted.endsWith("/*")) return accepted === "*/*" || type.startsWith(accepted.slice(0, -1));
  return type === accepted;
}

/** @param {Blob} blob @returns {Promise<string>} */
async function base64Of(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
