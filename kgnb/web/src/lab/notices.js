/**
 * A notification for every new question that the reader can answer: once, not while the
 * question stands before his eyes, and no longer than it is open.
 *
 * @import { Question } from "../views/inbox.js"
 * @import { Identity } from "../views/context.js"
 */

import { marked } from "../views/visible.js";
import { barred } from "../views/votes.js";

/** Milliseconds in which a script may answer, or the panel appear where one looks. */
const GRACE = 800;
/** As many as JupyterLab shows; shortened here, so that nothing is cut in the middle. */
const MOST_CHARACTERS = 140;
const MOST_OF_NAME = 40;
const MOST_REMEMBERED = 300;

/**
 * What is used of JupyterLab's `Notification.manager`.
 * @typedef {object} NotificationManager
 * @property {(message: string, type: string, options: object) => string} notify gives its id
 * @property {(id: string) => void} dismiss
 */

/**
 * @typedef {object} NoticesOptions
 * @property {NotificationManager} manager
 * @property {() => Identity | null} identity
 * @property {(question: Question) => boolean} isSeen whether it stands before one's eyes
 * @property {(question: Question) => void} show lead to the question
 * @property {() => void} showAll lead to all of them
 * @property {Pick<Storage, "getItem" | "setItem">} memory that a reload leaves alone
 */

export class Notices {
  #options;
  /** Keys of what was told in this session, or seen. */
  #told;
  /** Keys of what was open when the application started, once that is known. */
  #earlier = /** @type {Set<string> | null} */ (null);
  /** @type {Map<string, string>} the key of each question told of to its notification */
  #shown = new Map();
  /** @type {Map<string, Question>} */
  #open = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #waiting = new Map();
  #isOn = true;

  /** @param {NoticesOptions} options */
  constructor(options) {
    this.#options = options;
    this.#told = new Memory(options.memory);
  }

  /**
   * What was there before: it gets one notification together, not one each. Until this
   * is called nothing is told.
   * @param {Iterable<string>} keys
   */
  begin(keys) {
    this.#earlier = new Set(keys);
    this.update([...this.#open.values()]);
  }

  /** @param {boolean} isOn while off nothing is told, nor made up for afterwards */
  turn(isOn) {
    this.#isOn = isOn;
    if (isOn) return;
    for (const key of [...this.#shown.keys()]) this.#dismiss(key);
  }

  /** @param {Question[]} questions all that are open */
  update(questions) {
    this.#open = new Map(questions.map((question) => [question.key, question]));
    for (const key of [...this.#shown.keys()]) {
      if (!this.#isMine(key)) this.#dismiss(key);
    }
    if (!this.#earlier) return;
    for (const { key } of questions) {
      if (this.#told.has(key) || this.#waiting.has(key) || !this.#isMine(key)) continue;
      this.#waiting.set(key, setTimeout(() => this.#judge(key), GRACE));
    }
  }

  /** @param {string} key of a question that the reader has come to, however he did */
  settle(key) {
    this.#told.add(key);
    if (this.#shown.has(key)) this.#dismiss(key);
  }

  /** @param {string} key @returns {boolean} open, and the reader's to answer */
  #isMine(key) {
    const question = this.#open.get(key);
    return !!question && barred(question.approval, this.#options.identity()) === "";
  }

  /** @param {string} key of what has been open for a moment */
  #judge(key) {
    this.#waiting.delete(key);
    if (!this.#isMine(key) || this.#told.has(key)) return;
    if (this.#earlier?.has(key)) return this.#sumUp();
    this.#told.add(key);
    this.#tell(key);
  }

  /** @param {string} key */
  #tell(key) {
    const question = this.#open.get(key);
    if (!question || !this.#isOn || this.#options.isSeen(question)) return;
    const action = {
      label: "Show",
      caption: "Show the question, to answer it",
      displayType: "accent",
      callback: () => this.#options.show(question),
    };
    this.#shown.set(key, this.#notify(noticeOf(question), action));
  }

  /** One notification for all that was open before, where it is more than one. */
  #sumUp() {
    const keys = [...(this.#earlier ?? [])].filter(
      (key) => this.#isMine(key) && !this.#told.has(key),
    );
    this.#told.add(...keys);
    const unseen = keys.filter((key) => {
      const question = this.#open.get(key);
      return question && !this.#options.isSeen(question);
    });
    const [first] = unseen;
    if (!first || !this.#isOn) return;
    if (unseen.length === 1) return this.#tell(first);
    const action = {
      label: "Show",
      caption: "Show runs and open approvals",
      displayType: "accent",
      callback: this.#options.showAll,
    };
    const id = this.#notify(`${unseen.length} approvals wait for you.`, action);
    for (const key of unseen) this.#shown.set(key, id);
  }

  /** @param {string} text @param {object} action */
  #notify(text, action) {
    return this.#options.manager.notify(text, "info", { autoClose: false, actions: [action] });
  }

  /** @param {string} key */
  #dismiss(key) {
    const id = this.#shown.get(key) ?? "";
    this.#shown.delete(key);
    // One that sums up stays while there is anything left of it.
    if (![...this.#shown.values()].includes(id)) this.#options.manager.dismiss(id);
  }
}

/** Keys, kept for the session of this browser tab; the latest ones only. */
class Memory {
  static KEY = "kgnb.told";
  #keys = /** @type {Set<string>} */ (new Set());
  #storage;

  /** @param {NoticesOptions["memory"]} storage */
  constructor(storage) {
    this.#storage = storage;
    try {
      this.#keys = new Set(JSON.parse(storage.getItem(Memory.KEY) ?? "[]"));
    } catch {
      // Forbidden, or somebody else's: then what is open is told once more.
    }
  }

  /** @param {string} key */
  has(key) {
    return this.#keys.has(key);
  }

  /** @param {...string} keys */
  add(...keys) {
    for (const key of keys) this.#keys.add(key);
    this.#keys = new Set([...this.#keys].slice(-MOST_REMEMBERED));
    try {
      this.#storage.setItem(Memory.KEY, JSON.stringify([...this.#keys]));
    } catch {
      // Full or forbidden: likewise.
    }
  }
}

/**
 * The question in one line, with its workflow; whatever does not show, by its number.
 * @param {Pick<Question, "workflow" | "approval">} question
 * @returns {string}
 */
export function noticeOf({ workflow, approval }) {
  const who = `${shortened(marked(workflow), MOST_OF_NAME)} asks: `;
  const what = marked(approval.message).replace(/\s+/g, " ").trim();
  return who + shortened(what, MOST_CHARACTERS - who.length);
}

/**
 * @param {string} text
 * @param {number} most UTF-16 units
 * @returns {string} cut between characters, and so that one sees it
 */
function shortened(text, most) {
  if (text.length <= most) return text;
  let kept = "";
  for (const character of text) {
    if (kept.length + character.length > most - 1) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}
