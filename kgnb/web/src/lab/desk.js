/**
 * What a reader can do with runs and questions in this application, however he asks for
 * it: by a command, a notification or a link.
 *
 * @import { Inbox, Question } from "../views/inbox.js"
 * @import { RunRow } from "../ledger.js"
 * @import { Settings } from "./settings.js"
 * @import { Tabs } from "./tabs.js"
 */

import { marked } from "../views/visible.js";
import { currentWidget, showWidget } from "./application.js";
import { revealIn, revealInNotebook, runOf } from "./reveal.js";

/**
 * @typedef {object} DeskParts
 * @property {Inbox} inbox
 * @property {any} panel the side panel's widget
 * @property {Settings} settings
 * @property {Tabs} tabs
 * @property {(text: string) => void} complain tell of what did not work
 */

export class Desk {
  /** @type {(question: Question) => void} called with each that is led to */
  onShow = () => {};
  settings;
  tabs;
  #inbox;
  #panel;
  #complain;
  /** Key of the question that was led to last. */
  #latest = "";

  /** @param {DeskParts} parts */
  constructor({ inbox, panel, settings, tabs, complain }) {
    this.settings = settings;
    this.tabs = tabs;
    this.#inbox = inbox;
    this.#panel = panel;
    this.#complain = complain;
  }

  get questions() {
    return this.#inbox.questions();
  }

  get hasSidePanel() {
    return this.settings.get("sidePanel");
  }

  get isConnected() {
    return this.#inbox.connection.state.kind === "live";
  }

  /** @param {string} approvalId @returns {Question | undefined} undefined once it is decided */
  question(approvalId) {
    return this.questions.find(({ approval }) => approval.approval_id === approvalId);
  }

  /**
   * Lead to the question: in its notebook, else the side panel, else on its run's page.
   * @param {Question | undefined} question undefined: it is decided, so there is no more to show
   */
  async show(question) {
    if (!question) return;
    this.#latest = question.key;
    this.onShow(question);
    if (await revealInNotebook(question)) return;
    const { approval, run_id } = question;
    if (this.hasSidePanel) {
      showWidget(this.#panel);
      // A side bar that was folded is laid out first.
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (revealIn(this.#inbox.element, approval.approval_id)) return;
    }
    this.tabs.openPage(`kgnb/runs/${encodeURIComponent(run_id)}`);
  }

  /** The one after that which was shown last, round and round. */
  showNext() {
    const { questions } = this;
    const before = questions.findIndex(({ key }) => key === this.#latest);
    return this.show(questions[(before + 1) % questions.length]);
  }

  showAll() {
    if (this.hasSidePanel) showWidget(this.#panel);
    else this.tabs.openPage("kgnb/");
  }

  /**
   * The run that is meant: of the notebook in front, the active cell's or else its last.
   * @param {{run_id?: string}} [args]
   * @returns {RunRow | null} null where there is none, or the server does not know it
   */
  current({ run_id: named } = {}) {
    if (named) return this.#inbox.run(named);
    const notebook = currentWidget()?.content;
    const cells = [notebook?.activeCell, ...[...(notebook?.widgets ?? [])].reverse()];
    for (const cell of cells) {
      const run = this.#inbox.run(runOf(cell) ?? "");
      if (run) return run;
    }
    return null;
  }

  /** @param {RunRow | null} run */
  open(run) {
    if (run) this.tabs.open(run.run_id, run.workflow);
  }

  /** @param {"pause" | "resume" | "cancel"} type @param {RunRow | null} run */
  async order(type, run) {
    if (!run) return;
    try {
      await this.#inbox.connection.command({ type, run_id: run.run_id });
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      this.#complain(`No ${type} of ${marked(run.workflow)}: ${message}`);
    }
  }
}
