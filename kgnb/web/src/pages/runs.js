/**
 * The page of all runs: what waits for a person, what runs and ran, and what can be
 * talked with.
 *
 * @import { Site } from "./main.js"
 * @import { RunRow } from "../ledger.js"
 */

import { linking } from "./credential.js";
import { explain, notice } from "./explain.js";
import { Frame } from "./frame.js";
import { Inbox, bearing, h, icon, plural, setText } from "../shared.js";

const MOST_RUNS = 500;
const WORKFLOWS_POLL = 15_000;

/** Groups of statuses, by what a person looks for. @type {Record<string, string[]>} */
const FILTERS = {
  All: [],
  Waiting: ["waiting"],
  Running: ["running", "paused", "stalled"],
  Completed: ["completed"],
  Failed: ["failed", "lost", "cancelled"],
};

/** @param {Site} site */
export function mountRunsPage(site) {
  const { host, baseUrl, token, signal } = site;
  const hrefOf = linking(baseUrl, token);
  const frame = new Frame(host, hrefOf("kgnb/"), "");
  const filter = new Filter(signal);
  const inbox = new Inbox(baseUrl, signal, {
    via: "page",
    token,
    most: MOST_RUNS,
    isTab: true,
    hrefOf,
    isChosen: (run, status) => filter.covers(run, status),
    onRuns: (runs, statusOf) => filter.count(runs, statusOf),
  });
  filter.onChange = () => inbox.refresh();
  inbox.onCount = (open) => {
    document.title = open ? `(${open}) kgnb runs` : "kgnb runs";
  };
  inbox.onCount(0);
  inbox.runs.heading.after(filter.element);
  const workflows = new Workflows(site, hrefOf);
  const obstacle = h("div", { class: "kgnb-obstacle" });
  const content = h("div", { class: "kgnb-runs-page" }, inbox.element, workflows.element);
  inbox.element.setAttribute("role", "none");
  frame.main.append(h("h1", { class: "kgnb-unseen" }, "Runs"), obstacle, content);
  const { connection } = inbox;
  const judge = () => {
    frame.connect(connection.state);
    const told = explain(connection.state, !!token);
    const isOut = told !== null && connection.state.kind === "closed";
    content.hidden = isOut;
    obstacle.replaceChildren(
      ...(told && isOut ? [notice(told, baseUrl, () => connection.settled(signal))] : []),
    );
    if (connection.state.kind === "live") workflows.poll();
  };
  connection.onState(judge, signal);
  judge();
}

/** Which of the runs are listed. */
class Filter {
  onChange = () => {};
  #words = h("input", {
    type: "search",
    class: "kgnb-input kgnb-filter-words",
    placeholder: "Find a workflow or run",
    "aria-label": "Find a workflow or run",
  });
  #none = h("p", { class: "kgnb-side-empty", role: "status", hidden: true });
  #chosen = "All";
  /** @type {Map<string, {button: HTMLButtonElement, count: HTMLElement}>} */
  #buttons = new Map();

  /** @param {AbortSignal} signal */
  constructor(signal) {
    const group = h("div", { class: "kgnb-filter-group", role: "group", "aria-label": "Status" });
    for (const name of Object.keys(FILTERS)) {
      const count = h("span", { class: "kgnb-filter-count" });
      const pressed = String(name === this.#chosen);
      const button = h("button", { type: "button", class: "kgnb-toggle", "aria-pressed": pressed }, name, count);
      button.addEventListener("click", () => this.#choose(name), { signal });
      this.#buttons.set(name, { button, count });
      group.append(button);
    }
    this.#words.addEventListener("input", () => this.onChange(), { signal });
    this.element = h("div", { class: "kgnb-filter" }, group, this.#words, this.#none);
  }

  /** @param {string} name */
  #choose(name) {
    this.#chosen = name;
    for (const [other, { button }] of this.#buttons) {
      button.setAttribute("aria-pressed", String(other === name));
    }
    this.onChange();
  }

  /** @param {RunRow} run @param {string} status */
  covers(run, status) {
    return this.#isOf(this.#chosen, status) && this.#isFound(run);
  }

  /** @param {RunRow[]} runs @param {(run: RunRow) => string} statusOf */
  count(runs, statusOf) {
    for (const [name, { count }] of this.#buttons) {
      setText(count, String(runs.filter((run) => this.#isOf(name, statusOf(run))).length));
    }
    const found = runs.filter((run) => this.covers(run, statusOf(run))).length;
    this.#none.hidden = found > 0 || runs.length === 0;
    setText(this.#none, `None of ${plural(runs.length, "run")} is like that.`);
  }

  /** @param {string} name @param {string} status */
  #isOf(name, status) {
    const statuses = FILTERS[name] ?? [];
    return statuses.length === 0 || statuses.includes(status);
  }

  /** @param {RunRow} run */
  #isFound({ workflow, run_id }) {
    const words = this.#words.value.trim().toLowerCase();
    return !words || workflow.toLowerCase().includes(words) || run_id.startsWith(words);
  }
}

/** What is published, each with its chat. */
class Workflows {
  #site;
  #hrefOf;
  #list = h("ul", { class: "kgnb-workflow-list" });
  #drawn = "";
  element = h(
    "section",
    { class: "kgnb-section kgnb-workflows", "aria-label": "Talk with", hidden: true },
    h("div", { class: "kgnb-section-title", role: "heading", "aria-level": 2 }, "Talk with"),
    this.#list,
  );

  /** @param {Site} site @param {(path: string) => string} hrefOf */
  constructor(site, hrefOf) {
    this.#site = site;
    this.#hrefOf = hrefOf;
    const clock = setInterval(() => this.poll(), WORKFLOWS_POLL);
    site.signal.addEventListener("abort", () => clearInterval(clock));
  }

  async poll() {
    const { baseUrl, token, signal } = this.#site;
    try {
      const reply = await fetch(`${baseUrl}kgnb/api/workflows`, { signal, headers: bearing(token) });
      if (reply.ok) this.#draw((await reply.json()).workflows);
    } catch {
      // The connection's own state tells that the server is away.
    }
  }

  /** @param {{name: string}[]} workflows */
  #draw(workflows) {
    const names = [...new Set(workflows.map((one) => one.name))].sort();
    this.element.hidden = names.length === 0;
    if (this.#drawn === names.join("\n")) return;
    this.#drawn = names.join("\n");
    this.#list.replaceChildren(
      ...names.map((name) => {
        const href = this.#hrefOf(`kgnb/chat/${encodeURIComponent(name)}`);
        return h("li", null, h("a", { class: "kgnb-workflow", href }, icon("chat"), h("span", null, name)));
      }),
    );
  }
}
