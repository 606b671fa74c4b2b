/**
 * Where a visitor gives his token, on hosts without a login of their own. It goes out in
 * a header and comes back as a cookie that no script can read: never in an address, a
 * history or this page's storage.
 *
 * @import { Site } from "./main.js"
 */

import { Frame } from "./frame.js";
import { h, setAttribute, setText } from "../shared.js";

const WRONG = "This token opens nothing here. Compare it with the one that you were given.";
const AWAY = "The server does not answer. Try again in a moment.";

/** @param {Site} site */
export function mountSignInPage({ host, baseUrl, signal }) {
  const frame = new Frame(host, `${baseUrl}kgnb/`, "Sign in");
  const input = h("input", {
    class: "kgnb-input",
    id: "kgnb-token",
    type: "password",
    autocomplete: "current-password",
    spellcheck: "false",
    required: "",
    "aria-describedby": "kgnb-token-hint kgnb-token-trouble",
  });
  const trouble = h("div", { class: "kgnb-form-error", id: "kgnb-token-trouble", role: "alert" });
  const button = h("button", { type: "submit", class: "kgnb-button kgnb-primary" }, "Sign in");
  const form = h(
    "form",
    { class: "kgnb-notice kgnb-signin" },
    h("h2", { class: "kgnb-notice-title" }, "Sign in with your token"),
    h(
      "p",
      { id: "kgnb-token-hint" },
      "Whoever runs this server gives it to you. A server without users of its own ",
      "prints one when it starts.",
    ),
    h("label", { class: "kgnb-form-label", for: "kgnb-token" }, "Token"),
    input,
    trouble,
    button,
  );
  const tell = (/** @type {string} */ text) => {
    setText(trouble, text);
    setAttribute(input, "aria-invalid", text ? "true" : null);
    if (text) input.focus();
  };
  input.addEventListener("input", () => tell(""), { signal });
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      button.disabled = true;
      void enter(input.value.trim())
        .then(tell)
        .finally(() => {
          button.disabled = false;
        });
    },
    { signal },
  );
  frame.main.append(form);
  input.focus();
}

/**
 * @param {string} token
 * @returns {Promise<string>} why not; empty where the browser goes on to the page
 */
async function enter(token) {
  /** @type {Headers} */
  let headers;
  try {
    headers = new Headers({ Authorization: `Bearer ${token}` });
  } catch {
    return WRONG; // no header can hold it
  }
  try {
    const reply = await fetch(location.pathname, { headers, cache: "no-store" });
    if (!reply.ok) return reply.status < 500 ? WRONG : AWAY;
    location.replace(reply.url); // the page that was asked for
    return "";
  } catch {
    return AWAY;
  }
}
