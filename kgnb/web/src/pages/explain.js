/**
 * What stands in the way, in a sentence, and what to do about it.
 *
 * @import { ConnectionState } from "../connect.js"
 */

import { forgetCredential } from "./credential.js";
import { h } from "../shared.js";

/**
 * @typedef {object} Explanation
 * @property {string} title
 * @property {string} text
 * @property {"sign in" | "retry" | "none"} help
 */

/** @type {Record<string, Explanation>} */
const KNOWN = {
  signed_out: {
    title: "You are not signed in here",
    text: "Sign in to this server, or open this page by a share link.",
    help: "sign in",
  },
  link_over: {
    title: "This link does not open anything any more",
    text: "It has expired or was taken back. Ask whoever shared it for a new one.",
    help: "sign in",
  },
  4003: {
    title: "You may not see this",
    text: "Your account has no right to it. Whoever runs this server can give it.",
    help: "retry",
  },
  no_such_run: {
    title: "There is no such run here",
    text:
      "It may belong to another server, be older than what is kept, or not be shared " +
      "with you. Look for it in the list of runs.",
    help: "none",
  },
  4013: {
    title: "The server is full just now",
    text: "As many clients as it allows are connected. This page tries again by itself.",
    help: "retry",
  },
  away: {
    title: "The server does not answer",
    text: "It may be restarting, or the network is down. This page tries again by itself.",
    help: "retry",
  },
};

/**
 * @param {ConnectionState} state
 * @param {boolean} hasToken whether the page was opened by a share link
 * @returns {Explanation | null} null where nothing stands in the way
 */
export function explain(state, hasToken) {
  if (state.kind !== "closed" && state.kind !== "offline") return null;
  const code = String(state.code ?? "");
  if (code === "4001") return KNOWN[hasToken ? "link_over" : "signed_out"] ?? null;
  return KNOWN[code] ?? KNOWN.away ?? null;
}

/**
 * @param {Explanation} explanation
 * @param {string} baseUrl
 * @param {() => void} retry
 * @returns {HTMLElement}
 */
export function notice({ title, text, help }, baseUrl, retry) {
  const box = h(
    "section",
    { class: "kgnb-notice", role: "alert" },
    h("h2", { class: "kgnb-notice-title" }, title),
    h("p", null, text),
  );
  if (help === "sign in") {
    const page = location.pathname.slice(`${baseUrl}kgnb/`.length);
    const href = `${baseUrl}kgnb/login/${page}`; // which knows where the login is
    const link = h("a", { class: "kgnb-button kgnb-primary", href }, "Sign in");
    link.addEventListener("click", forgetCredential);
    box.append(link);
  } else if (help === "retry") {
    const button = h("button", { type: "button", class: "kgnb-button" }, "Try again");
    button.addEventListener("click", retry);
    box.append(button);
  }
  return box;
}
