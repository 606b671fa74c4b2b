/**
 * Sharing what one sees: a link for one run or one workflow, that expires and can be
 * taken back, as text and as a QR code.
 */

import { h, moment, setText } from "../shared.js";

const HOUR = 3600;
/** @type {Record<string, string>} */
const ROLES = {
  view: "may watch",
  answer: "may answer questions too",
  control: "may also pause and cancel",
  start: "may also start runs",
};
const TIMES = [
  { label: "1 hour", ttl: HOUR },
  { label: "8 hours", ttl: 8 * HOUR },
  { label: "1 day", ttl: 24 * HOUR },
];

/**
 * @param {{run_id: string} | {workflow: string}} thing
 * @param {string} role to begin with
 * @param {string} baseUrl
 * @param {string | undefined} token
 * @param {AbortSignal} signal
 * @returns {HTMLElement} a button; hidden from who came by a link himself
 */
export function shareButton(thing, role, baseUrl, token, signal) {
  const button = h("button", { type: "button", class: "kgnb-button kgnb-quiet", hidden: token !== undefined }, "Share");
  const open = () => {
    const dialog = new ShareDialog(thing, role, baseUrl, signal).element;
    button.closest(".kgnb")?.append(dialog);
    dialog.addEventListener("close", () => {
      dialog.remove();
      button.focus();
    });
    dialog.showModal();
  };
  button.addEventListener("click", open, { signal });
  return button;
}

class ShareDialog {
  #role;
  #time = select(
    "How long",
    TIMES.map(({ label, ttl }) => [String(ttl), label]),
    String(HOUR),
  );
  #make = h("button", { type: "submit", class: "kgnb-button kgnb-primary" }, "Make a link");
  #address = h("input", { class: "kgnb-input kgnb-share-address", readonly: true, "aria-label": "The link" });
  #code = h("img", { class: "kgnb-share-code", alt: "The link as a QR code", width: 260, height: 260 });
  #copy = h("button", { type: "button", class: "kgnb-button" }, "Copy");
  #revoke = h("button", { type: "button", class: "kgnb-button kgnb-quiet" }, "Take it back");
  #made = h("div", { class: "kgnb-share-made", hidden: true });
  #note = h("p", { class: "kgnb-share-note", role: "status" });
  #thing;
  #baseUrl;
  #linkId = "";

  /**
   * @param {Record<string, string>} thing
   * @param {string} role
   * @param {string} baseUrl
   * @param {AbortSignal} signal
   */
  constructor(thing, role, baseUrl, signal) {
    this.#thing = thing;
    this.#baseUrl = baseUrl;
    const roles = Object.entries(ROLES).filter(([name]) => "workflow" in thing || name !== "start");
    this.#role = select("Who has it", roles, role);
    this.#made.append(this.#code, h("div", { class: "kgnb-share-line" }, this.#address, this.#copy), this.#revoke);
    const close = h("button", { type: "button", class: "kgnb-button kgnb-quiet" }, "Close");
    const form = h(
      "form",
      { class: "kgnb-share-form" },
      this.#role.element,
      this.#time.element,
      h("div", { class: "kgnb-share-line" }, this.#make, h("span", { class: "kgnb-space" }), close),
    );
    this.element = h(
      "dialog",
      { class: "kgnb-share", "aria-label": "Share" },
      h("h2", { class: "kgnb-notice-title" }, "Share by a link"),
      h("p", { class: "kgnb-share-about" }, "Whoever has the link needs no account here, and can open nothing else."),
      form,
      this.#made,
      this.#note,
    );
    const on = { signal };
    form.addEventListener("submit", (event) => this.#submit(event), on);
    close.addEventListener("click", () => this.element.close(), on);
    this.#copy.addEventListener("click", () => this.#copied(), on);
    this.#revoke.addEventListener("click", () => this.#takeBack(), on);
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    this.#make.disabled = true;
    const ttl = Number(this.#time.field.value);
    const body = { ...this.#thing, role: this.#role.field.value, ttl };
    const made = await this.#call("POST", body);
    this.#make.disabled = false;
    if (!made) return;
    this.#linkId = made.link_id;
    this.#address.value = made.url;
    this.#code.hidden = !made.qr_svg;
    if (made.qr_svg) this.#code.src = `data:image/svg+xml,${encodeURIComponent(made.qr_svg)}`;
    this.#made.hidden = false;
    setText(this.#note, `It opens until ${moment(made.expires_at)}.`);
    this.#address.select();
  }

  async #copied() {
    try {
      await navigator.clipboard.writeText(this.#address.value);
      setText(this.#note, "Copied.");
    } catch {
      this.#address.select(); // not over plain http: then by hand
      setText(this.#note, "Copy it with the keyboard.");
    }
  }

  async #takeBack() {
    if (!(await this.#call("DELETE", { link_id: this.#linkId }))) return;
    this.#made.hidden = true;
    setText(this.#note, "The link opens nothing any more.");
  }

  /** @param {string} method @param {object} body @returns {Promise<any>} null where it was refused */
  async #call(method, body) {
    try {
      const headers = { "Content-Type": "application/json", "X-XSRFToken": cookie("_xsrf") };
      const url = `${this.#baseUrl}kgnb/api/links`;
      const reply = await fetch(url, { method, headers, body: JSON.stringify(body) });
      const told = await reply.json();
      if (reply.ok) return told;
      setText(this.#note, `Not done: ${told.message ?? reply.status}`);
    } catch (error) {
      setText(this.#note, `Not done: ${/** @type {Error} */ (error).message}`);
    }
    return null;
  }
}

/**
 * @param {string} label
 * @param {[string, string][]} options value and what is shown
 * @param {string} chosen
 */
function select(label, options, chosen) {
  const field = h(
    "select",
    { class: "kgnb-input" },
    ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  return { field, element: h("label", { class: "kgnb-share-field" }, h("span", null, label), field) };
}

/** @param {string} name @returns {string} Jupyter asks for it back with each POST */
function cookie(name) {
  const found = document.cookie.split("; ").find((entry) => entry.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}
