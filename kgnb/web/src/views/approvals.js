/**
 * Questions to a person, outside of any model's text.
 *
 * Everything that is approved is shown, hidden characters by their number. A card takes
 * no click in its first half second: nobody approves what has just moved under his
 * finger.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Besides } from "./answer-form.js"
 * @import { Context } from "./context.js"
 */

import { KERNEL_BUSY, UNCONFIRMED } from "../transports/deaf.js";
import { AnswerForm } from "./answer-form.js";
import { labelOf } from "./context.js";
import { shortAnswer, wholeAnswer } from "./decided.js";
import { breakable, fold, h, icon, setText } from "./elements.js";
import { decidedBy, duration, inline, moment, plural } from "./format.js";
import { hidesSomething, visible } from "./visible.js";
import { valueBox } from "./value.js";
import { Votes, barred, latestVote, voteRow } from "./votes.js";

const ARMING = 500;

export class Approvals {
  /** @type {Map<string, Card>} */
  #cards = new Map();
  #decided = fold("decisions", "Decisions");
  /** Who decided last, and what: seen without unfolding. */
  #latest = h("span", { class: "kgnb-fold-latest" });
  #drawn = "";
  /** The node whose input was typed here last: a conversation goes on at its box. */
  #talksTo = "";
  #context;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.element = h("div", { class: "kgnb-approvals" });
    this.decisions = this.#decided.element;
    this.decisions.firstElementChild?.append(this.#latest);
  }

  /** @param {wire.RunView} view */
  update(view) {
    const open = view.approvals.filter((approval) => approval.state === "open");
    const keys = new Set(open.map(keyOf));
    for (const [key, card] of this.#cards) {
      if (keys.has(key)) continue;
      this.#talksTo = card.talkedTo || this.#talksTo;
      card.remove();
      this.#cards.delete(key);
    }
    for (const approval of open) this.#show(approval, labelOf(view, approval.node_id));
    this.#showDecided(view);
  }

  /** @param {wire.ApprovalView} approval @param {string} label */
  #show(approval, label) {
    const key = keyOf(approval);
    const known = this.#cards.get(key);
    if (known) return known.update(approval);
    const card = new Card(approval, label, this.#context);
    this.#cards.set(key, card);
    this.element.append(card.element);
    if (approval.kind === "input" && approval.node_id === this.#talksTo && !isElsewhere()) card.focus();
    this.#context.announce(`${label} asks: ${approval.message}`);
  }

  /** @param {wire.RunView} view */
  #showDecided(view) {
    const decided = view.approvals.filter((approval) => approval.state !== "open");
    const { element, count } = this.#decided;
    element.hidden = decided.length === 0;
    setText(count, String(decided.length));
    const now = decided.map((entry) => `${keyOf(entry)}${entry.state}`).join();
    if (now === this.#drawn) return;
    this.#drawn = now;
    if (this.#context.isFinal) element.open = true;
    this.#latest.replaceChildren(...brief(decided));
    element.lastElementChild?.replaceChildren(
      ...decided.map((approval) => decision(approval, labelOf(view, approval.node_id))),
    );
  }
}

/** Whether the cursor is somewhere that it must not be taken from. */
function isElsewhere() {
  return document.activeElement !== null && document.activeElement !== document.body;
}

/** @param {wire.ApprovalView} approval @returns {string} another text is another card */
export function keyOf(approval) {
  return `${approval.approval_id} ${approval.args_hash}`;
}

/** @param {wire.ApprovalView} approval its answer, or what came in place of one */
function outcome(approval) {
  /** @type {Record<string, string>} */
  const outcomes = { timed_out: "timed out", cancelled: "not answered" };
  return outcomes[approval.state] ?? visible(shortAnswer(approval));
}

/**
 * The decision that was made last, and by whom.
 * @param {wire.ApprovalView[]} decided
 */
function brief(decided) {
  /** @param {wire.ApprovalView} approval */
  const at = (approval) => approval.by?.at ?? "";
  const [latest] = decided.toSorted((a, b) => (at(a) < at(b) ? 1 : -1));
  if (!latest) return [];
  const who = decidedBy(latest.by);
  return [h("span", null, outcome(latest), who && ` · ${who}`)];
}

/**
 * How a question ended.
 * @param {wire.ApprovalView} approval
 * @param {string} label who asked
 */
export function decision(approval, label) {
  const value = h("span", { class: "kgnb-decision-value" }, outcome(approval));
  const isTakenAnyway = approval.state === "timed_out" && approval.value !== null;
  const taken = isTakenAnyway && `: ${inline(approval.value)}`;
  const who = [decidedBy(approval.by), moment(approval.by?.at)].filter(Boolean);
  return h(
    "div",
    { class: "kgnb-decision", "data-state": approval.state },
    icon(approval.state === "answered" ? "completed" : "cancelled"),
    h(
      "div",
      { class: "kgnb-decision-body" },
      h("div", { class: "kgnb-decision-question" }, ...breakable(label), ": ", visible(approval.message)),
      h("div", null, value, taken, who.length > 0 && ` · ${who.join(" · ")}`),
      approval.reason && h("div", { class: "kgnb-decision-reason" }, visible(approval.reason)),
      approval.votes.length > 0 &&
        h(
          "ul",
          { class: "kgnb-votes-list", "aria-label": "Votes" },
          ...approval.votes.map((vote) => voteRow(vote, approval.kind)),
        ),
      approval.state === "answered" && wholeAnswer(approval),
      approval.payload !== null &&
        h("details", null, h("summary", null, "what was shown"), valueBox(approval.payload)),
    ),
  );
}

export class Card {
  #approval;
  #context;
  #note = h("p", { class: "kgnb-card-note", role: "status" });
  #deadline = h("p", { class: "kgnb-card-deadline" });
  #votes;
  /** Votes that were read out, or were there from the start. */
  #told;
  #barred = h("p", { class: "kgnb-card-barred", role: "status", hidden: true });
  #form;
  #isOld = false;
  #isSent = false;
  #done = new AbortController();

  /**
   * @param {wire.ApprovalView} approval
   * @param {string} label who asks
   * @param {Context} context
   */
  constructor(approval, label, context) {
    this.#approval = approval;
    this.#context = context;
    const signal = AbortSignal.any([context.signal, this.#done.signal]);
    this.#form = new AnswerForm(approval, (value, besides) => this.#send(value, besides), signal);
    this.#votes = new Votes(approval);
    this.#told = approval.votes.length;
    const title = h("p", { class: "kgnb-card-question" }, visible(approval.message));
    this.element = h(
      "section",
      {
        class: "kgnb-card",
        "aria-label": `${label} asks`,
        "data-approval": approval.approval_id,
      },
      h("p", { class: "kgnb-card-who" }, icon("waiting"), h("span", null, ...breakable(label), " asks")),
      title,
      approval.payload !== null && approval.kind !== "edit" && payloadBox(approval.payload),
      hidesAnything(approval) && hiddenNote(),
      this.#votes.element,
      this.#form.element,
      this.#barred,
      this.#deadline,
      this.#note,
    );
    this.update();
    setTimeout(() => {
      this.#isOld = true;
      this.update();
    }, ARMING);
    const clock = setInterval(() => this.#tick(), 1000);
    signal.addEventListener("abort", () => clearInterval(clock));
  }

  /** @param {wire.ApprovalView} [approval] the same question, with more votes */
  update(approval = this.#approval) {
    this.#approval = approval;
    const identity = this.#context.identity();
    const reason = barred(approval, identity);
    const isArmed = this.#context.isArmed() && this.#isOld && !this.#isSent && !reason;
    const isOpen = !this.#context.isFinal && !this.#context.disarmed() && !reason;
    this.#form.update(isArmed, isOpen);
    this.#votes.update(approval, identity);
    setText(this.#barred, reason);
    this.#barred.hidden = reason === "";
    this.element.dataset.barred = String(reason !== "");
    // A view is changed in place: what was told is remembered apart.
    if (approval.votes.length > this.#told) this.#context.announce(latestVote(approval));
    this.#told = approval.votes.length;
    this.element.dataset.armed = String(isArmed);
    this.#tick();
  }

  /** @returns {string} the node that got an input from here; else nothing */
  get talkedTo() {
    const { kind, node_id } = this.#approval;
    return kind === "input" && this.#isSent ? node_id : "";
  }

  /** Put the cursor where the answer is typed. */
  focus() {
    this.#form.focus();
  }

  /** The question is over. */
  remove() {
    this.#form.forget();
    this.#done.abort();
    this.element.remove();
  }

  #tick() {
    const { expires_at, on_timeout } = this.#approval;
    const left = (Date.parse(expires_at ?? "") - Date.now()) / 1000;
    const parts = [];
    if (!Number.isNaN(left)) {
      const then = on_timeout === null ? "times out" : `becomes “${inline(on_timeout)}”`;
      const when = left > 0 ? `in ${duration(left)}` : "now";
      parts.push(`Unanswered, it ${then} ${when}.`);
    }
    setText(this.#deadline, parts.join(" "));
    this.#deadline.hidden = parts.length === 0;
  }

  /** @param {wire.Json} value @param {Besides} besides */
  async #send(value, besides) {
    if (this.#isSent || !this.#isOld || !this.#context.isArmed()) return;
    this.#isSent = true;
    this.update();
    this.#say("Sending…", "");
    const late = setTimeout(() => {
      const isComm = this.#context.via() === "comm";
      const text = isComm ? KERNEL_BUSY : "Not confirmed yet; still trying.";
      this.#say(`${chosen(this.#approval, value)}${text}`, "late");
    }, UNCONFIRMED);
    const { approval_id, args_hash } = this.#approval;
    try {
      await this.#context.command({
        type: "answer",
        approval_id,
        value,
        args_hash,
        ...besides,
      });
      this.#say("Recorded.", "done");
    } catch (error) {
      // Refused: the card stands open again, except where there is nothing left to say.
      const code = /** @type {any} */ (error).code ?? "";
      this.#isSent = ["already_answered", "expired"].includes(code);
      this.#say(refusal(/** @type {any} */ (error)), "error");
      this.#form.refuse(/** @type {any} */ (error).data?.problems ?? []);
      this.update();
    } finally {
      clearTimeout(late);
    }
  }

  /** @param {string} text @param {string} kind */
  #say(text, kind) {
    setText(this.#note, text);
    this.#note.dataset.kind = kind;
  }
}

/**
 * Which button it was, where there were several: they all look alike while it is sent.
 * @param {wire.ApprovalView} approval
 * @param {wire.Json} value
 */
function chosen({ options }, value) {
  return options?.length ? `You chose “${inline(value)}”. ` : "";
}

/** @param {{code?: string, message?: string, data?: any}} error */
function refusal({ code, message, data }) {
  if (data?.problems?.length) return "Not accepted.";
  if (code !== "already_answered") return `Not accepted: ${message || code}`;
  const winner = data?.value !== undefined ? ` with “${inline(data.value)}”` : "";
  const who = data?.by ? `: ${decidedBy(data.by)}` : "";
  return `Already answered${winner}${who}.`;
}

/** @param {wire.Json} payload */
function payloadBox(payload) {
  const box = valueBox(payload);
  const lines = (box.textContent ?? "").split("\n").length;
  const size = lines > 24 && h("p", { class: "kgnb-card-size" }, `${plural(lines, "line")}, scroll to read all`);
  return h("div", { class: "kgnb-card-payload" }, box, size);
}

/** @param {wire.ApprovalView} approval */
function hidesAnything({ message, payload, options }) {
  return [message, payload, options].some((part) => hidesSomething(unescaped(part)));
}

/** @param {wire.Json} value */
function unescaped(value) {
  /** @type {string[]} */
  const texts = [];
  JSON.stringify(value, (key, part) => {
    texts.push(key);
    if (typeof part === "string") texts.push(part);
    return part;
  });
  return texts.join("\n");
}

function hiddenNote() {
  const text = "This holds characters that do not show; each stands here by its number.";
  return h("p", { class: "kgnb-card-warning" }, text);
}
