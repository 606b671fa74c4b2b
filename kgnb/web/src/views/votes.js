/**
 * Questions for several people, or for named ones: how they are decided, who has voted
 * for what, and whether the reader may vote.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Identity } from "./context.js"
 */

import { h, setAttribute, setText } from "./elements.js";
import { inline, moment, shortMoment } from "./format.js";
import { visible } from "./visible.js";

/** @param {wire.ApprovalView} approval */
export function countsPeople({ need, approvers }) {
  return need > 1 || approvers !== null;
}

/**
 * Why the reader has no vote, or none any more; "" where he has.
 * @param {wire.ApprovalView} approval
 * @param {Identity | null} identity null before the connection's greeting
 * @returns {string}
 */
export function barred(approval, identity) {
  if (!identity) return "";
  if (identity.kind === "replay") return "A replay: this was answered when it was recorded.";
  if (identity.role === "view") return "You may watch this run, but not answer its questions.";
  if (!countsPeople(approval)) return "";
  if (identity.kind === "kernel") {
    return "People are counted here, and nobody signs in to a kernel: answer on the run’s own page, or in the server’s panel.";
  }
  if (!identity.voter) {
    return "People are counted here, and your login is nobody’s in particular: sign in with a user name of your own.";
  }
  if (approval.approvers && !approval.approvers.includes(identity.user ?? "")) {
    return `Only ${listed(approval.approvers, "and")} may answer; you are ${identity.user}.`;
  }
  const mine = ownVote(approval, identity);
  if (!mine) return "";
  return `You voted “${worded(mine.value ?? null, approval.kind)}”; a vote cannot be taken back.`;
}

/**
 * @param {wire.ApprovalView} approval
 * @param {Identity | null} identity
 */
function ownVote({ votes }, identity) {
  return identity?.voter ? votes.find(({ voter }) => voter === identity.voter) : undefined;
}

/**
 * @param {wire.ApprovalView} approval
 * @returns {string} how it is decided, in sentences
 */
export function rulesOf({ need, approvers, veto, kind }) {
  const names = approvers ? listed(approvers, need > 1 ? "and" : "or") : "";
  if (need === 1) return names && `For ${names} to answer.`;
  const who = names ? `${need} of ${approvers?.length} people (${names})` : `${need} people`;
  const rule = `Decided when ${who} choose the same.`;
  if (!veto?.length) return rule;
  const options = listed(veto.map((option) => `“${worded(option, kind)}”`), "or");
  return `${rule} Veto: one vote for ${options} is enough.`;
}

/**
 * What a new vote comes to, to be read out.
 * @param {wire.ApprovalView} approval
 * @returns {string}
 */
export function latestVote({ votes, need, kind }) {
  const latest = votes.at(-1);
  if (!latest) return "";
  const value = latest.value ?? null;
  return `${latest.user} voted “${worded(value, kind)}”: ${count(votes, value)} of ${need}`;
}

/** The part of a card that tells of votes; empty where nobody votes. */
export class Votes {
  #tally = h("p", { class: "kgnb-votes-tally" });
  #list = h("ul", { class: "kgnb-votes-list", "aria-label": "Votes so far" });
  #missing = h("p", { class: "kgnb-votes-missing" });
  #drawn = "";

  /** @param {wire.ApprovalView} approval */
  constructor(approval) {
    const rules = rulesOf(approval);
    this.element = h(
      "div",
      { class: "kgnb-votes" },
      h("p", { class: "kgnb-votes-rules" }, visible(rules)),
      this.#tally,
      this.#list,
      this.#missing,
    );
    this.element.hidden = rules === "";
  }

  /** @param {wire.ApprovalView} approval @param {Identity | null} identity */
  update(approval, identity) {
    const { votes, need, kind } = approval;
    const mine = ownVote(approval, identity);
    const now = `${votes.map(({ voter }) => voter).join()} ${mine?.voter ?? ""}`;
    if (now === this.#drawn) return;
    this.#drawn = now;
    setText(this.#tally, need > 1 ? tally(approval) : "");
    this.#list.replaceChildren(...votes.map((vote) => voteRow(vote, kind, vote === mine)));
    setText(this.#missing, missing(approval));
    for (const part of [this.#tally, this.#list, this.#missing]) {
      setAttribute(part, "hidden", part.textContent ? null : "");
    }
  }
}

/**
 * @param {wire.CastVote} vote
 * @param {string} kind of the question
 * @param {boolean} [isMine]
 */
export function voteRow({ user, value, at, reason }, kind, isMine = false) {
  const when = h("time", { class: "kgnb-votes-time", title: moment(at) }, shortMoment(at));
  return h(
    "li",
    { class: "kgnb-votes-row", "data-mine": isMine },
    h("span", { class: "kgnb-votes-who" }, visible(user), isMine && " (you)"),
    ": ",
    h("span", { class: "kgnb-votes-value" }, visible(worded(value ?? null, kind))),
    " ",
    when,
    reason && h("span", { class: "kgnb-votes-reason" }, visible(reason)),
  );
}

/** @param {wire.ApprovalView} approval "publish: 1 of 2 · revise: none" */
function tally({ options, kind, votes, need }) {
  /** @type {wire.Json[]} */
  const choices = options ?? (kind === "confirm" ? [true, false] : []);
  return choices
    .map((choice) => `${worded(choice, kind)}: ${count(votes, choice)} of ${need}`)
    .join(" · ");
}

/** @param {wire.Json} choice @param {string} kind */
function worded(choice, kind) {
  if (kind === "confirm") return choice ? "Yes" : "No";
  return inline(choice);
}

/** @param {wire.ApprovalView} approval */
function missing({ approvers, votes, need }) {
  if (!approvers || need === 1) return "";
  const voted = new Set(votes.map(({ approver }) => approver));
  const left = approvers.filter((name) => !voted.has(name));
  return left.length ? `Not yet: ${left.join(", ")}` : "";
}

/** @param {wire.CastVote[]} votes @param {wire.Json} value */
function count(votes, value) {
  const text = JSON.stringify(value);
  return votes.filter((vote) => JSON.stringify(vote.value ?? null) === text).length;
}

/** @param {string[]} names @param {string} word "ada, grace and linus" */
function listed(names, word) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} ${word} ${names.at(-1)}`;
}
