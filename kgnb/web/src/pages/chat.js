/**
 * A conversation with a published workflow: its runs one below the other, as one text.
 *
 * @import { Connection, ConnectionState } from "../connect.js"
 * @import { Site } from "./main.js"
 * @import { Said } from "./talk.js"
 */

import { nameSession, sessionHere } from "./address.js";
import { Composer } from "./composer.js";
import { linking } from "./credential.js";
import { explain, notice } from "./explain.js";
import { Frame } from "./frame.js";
import { bubble } from "./reply.js";
import { shareButton } from "./share.js";
import { Talk } from "./talk.js";
import { Turn } from "./turn.js";
import { pastTalk } from "./words.js";
import { bearing, h, pageContext, serverConnection, setText, visible } from "../shared.js";

const MOST_RUNS = 100;
const SEEK = 5000;
const NEAR = 80;

/**
 * @param {Site} site
 * @param {string} workflow
 */
export function mountChatPage(site, workflow) {
  const frame = new Frame(site.host, linking(site.baseUrl, site.token)("kgnb/"), workflow);
  document.title = `${workflow} · chat`;
  /** @type {Chat | undefined} */
  let chat;
  const begin = (/** @type {boolean} */ isPublished) => {
    chat?.close();
    const life = new AbortController();
    chat = new Chat({ ...site, signal: AbortSignal.any([site.signal, life.signal]) }, workflow, frame, isPublished);
    chat.close = () => life.abort();
    chat.onGone = () => begin(false);
    if (!isPublished) seek();
  };
  const seek = async () => {
    if (await isOffered(site, workflow)) return begin(true);
    const timer = setTimeout(seek, SEEK);
    site.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  };
  // Without an answer the socket says what is wrong.
  isOffered(site, workflow).then((found) => begin(found ?? true));
}

/**
 * @param {Site} site
 * @param {string} workflow
 * @returns {Promise<boolean | null>} whether it is published; null where nobody says
 */
async function isOffered({ baseUrl, token, signal }, workflow) {
  try {
    const url = `${baseUrl}kgnb/api/workflows`;
    const reply = await fetch(url, { signal, headers: bearing(token) });
    if (!reply.ok) return null;
    const { workflows } = await reply.json();
    const [name] = workflow.split("@");
    return workflows.some((/** @type {{name: string}} */ each) => each.name === name);
  } catch {
    return null;
  }
}

class Chat {
  close = () => {};
  /** The workflow is not published any more. */
  onGone = () => {};
  #site;
  #workflow;
  #frame;
  #isPublished;
  /** @type {Connection} */
  #connection;
  #talk;
  /** @type {Map<string, Turn>} in order */
  #turns = new Map();
  /** What was said before the runs below, as its session keeps it. */
  #past = h("ol", { class: "kgnb-past", "aria-label": "Earlier", hidden: true });
  #list = h("ol", { class: "kgnb-talk", "aria-label": "Conversation" });
  #outbox = h("ol", { class: "kgnb-talk kgnb-outbox", "aria-label": "Not yet taken" });
  #empty = h("div", { class: "kgnb-chat-empty" });
  #obstacle = h("div", { class: "kgnb-obstacle" });
  #live = h("div", { class: "kgnb-unseen", "aria-live": "polite" });
  #jump = h("button", { type: "button", class: "kgnb-button kgnb-jump", hidden: true }, "Latest");
  #end = h("button", { type: "button", class: "kgnb-button kgnb-quiet", hidden: true }, "End chat");
  #fresh = h("button", { type: "button", class: "kgnb-button kgnb-quiet" }, "New chat");
  #composer;
  #isDirty = false;
  #isListed = false;
  /** Whether the newest line is in sight, and is to stay so. */
  #isAtEnd = true;
  #life = new AbortController();

  /**
   * @param {Site} site
   * @param {string} workflow
   * @param {Frame} frame
   * @param {boolean} isPublished else what was said before can be read, and no more
   */
  constructor(site, workflow, frame, isPublished) {
    const { baseUrl, token, signal } = site;
    this.#site = site;
    this.#workflow = workflow;
    this.#frame = frame;
    this.#isPublished = isPublished;
    const bound = isPublished ? { workflow } : {};
    this.#connection = serverConnection(baseUrl, { via: "page", token, ...bound });
    this.#talk = new Talk(
      `kgnb.chat ${baseUrl} ${workflow}`,
      (frame) => this.#connection.command(frame),
      { onChange: () => this.#mark(), onAccepted: (said, runId) => this.#accepted(said, runId) },
      shelf(),
      sessionHere(),
    );
    this.#composer = new Composer({ onSay: (text) => this.#say(text), onStop: () => this.#stop() }, signal);
    this.#lay();
    this.#listen();
    this.#connection.settled(signal);
    if (isPublished) this.#talk.resume();
    this.#composer.focus();
  }

  #lay() {
    const { main, actions } = this.#frame;
    main.classList.add("kgnb-chat");
    this.#empty.append(
      h("h2", null, `Talk with ${this.#workflow}`),
      h("p", null, "Its steps, its thoughts and its questions appear here as they come."),
    );
    main.replaceChildren(
      h("div", { class: "kgnb-chat-scroll" }, this.#empty, this.#past, this.#list, this.#outbox, this.#obstacle),
      h("div", { class: "kgnb-chat-below" }, this.#jump, this.#composer.element),
      this.#live,
    );
    const { baseUrl, token, signal } = this.#site;
    const share = shareButton({ workflow: this.#workflow }, "start", baseUrl, token, signal);
    actions.replaceChildren(this.#end, share, this.#fresh);
  }

  #listen() {
    const { signal } = this.#site;
    this.#connection.onState((state) => this.#connected(state), signal);
    this.#connected(this.#connection.state);
    this.#connection.watchAll((event) => this.#heard(event), signal);
    this.#fresh.addEventListener("click", () => this.#restart(), { signal });
    this.#end.addEventListener("click", () => this.#command({ type: "end_chat", session_id: this.#talk.sessionId }), { signal });
    this.#jump.addEventListener("click", () => this.#scrollToEnd(), { signal });
    const note = () => {
      const { scrollHeight, scrollTop, clientHeight } = scroller();
      this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
      this.#jump.hidden = this.#isAtEnd;
    };
    addEventListener("scroll", note, { signal, passive: true });
    const clock = setInterval(() => this.#isGoing() && this.#mark(), 1000);
    signal.addEventListener("abort", () => {
      clearInterval(clock);
      this.#life.abort();
    });
  }

  /** @param {ConnectionState} state */
  #connected(state) {
    if (state.kind === "closed" && state.code === 4004) return this.onGone();
    this.#frame.connect(state);
    if (state.kind === "live") this.#load();
    this.#mark();
  }

  // What was said before, here or on another device.

  async #load() {
    const { baseUrl, token, signal } = this.#site;
    const query = new URLSearchParams({
      session_id: this.#talk.sessionId,
      workflow: this.#workflow.split("@")[0] ?? "",
      limit: String(MOST_RUNS),
    });
    try {
      const url = `${baseUrl}kgnb/api/runs?${query}`;
      const reply = await fetch(url, { signal, headers: bearing(token) });
      if (!reply.ok) return;
      const { runs } = await reply.json();
      for (const { run_id } of runs.reverse()) this.#turn(run_id);
      if (!runs.length) await this.#loadKept();
    } catch {
      // The connection's own state tells that the server is away.
    } finally {
      this.#isListed = true;
      this.#mark();
    }
  }

  /** @param {import("../wire.d.ts").AnyEvent} event perhaps that somebody goes on elsewhere */
  #heard(event) {
    if (event.type !== "workflow_started") return;
    const { run_id, session_id, workflow } = /** @type {import("../wire.d.ts").WorkflowStarted} */ (event);
    const isOurs = session_id === this.#talk.sessionId && workflow === this.#workflow.split("@")[0];
    if (isOurs && this.#isListed) this.#turn(run_id);
  }

  /** What is kept of a session whose runs are not: those of its owner, who gave it to us. */
  async #loadKept() {
    const { baseUrl, token, signal } = this.#site;
    const id = this.#talk.sessionId;
    if (id !== sessionHere()) return; // made just now: nothing was said in it
    const url = `${baseUrl}kgnb/api/sessions/${encodeURIComponent(id)}`;
    const reply = await fetch(url, { signal, headers: bearing(token) });
    if (reply.ok) this.#showPast((await reply.json()).messages);
  }

  /** @param {import("./words.js").Message[]} messages said before the oldest run here */
  #showPast(messages) {
    if (!this.#past.hidden) return;
    this.#past.replaceChildren(...pastTalk(messages).map((said) => h("li", { class: "kgnb-turn" }, said)));
    this.#past.hidden = messages.length === 0;
  }

  /** @param {string} runId @returns {Turn} which is read from here on */
  #turn(runId) {
    const known = this.#turns.get(runId);
    if (known) return known;
    const { baseUrl, token } = this.#site;
    const href = linking(baseUrl, token)(`kgnb/runs/${encodeURIComponent(runId)}`);
    const announce = (/** @type {string} */ text) => setText(this.#live, text);
    const context = pageContext(this.#connection, this.#site.signal, announce);
    const turn = new Turn(runId, href, context, (text) => this.#taken(text));
    this.#turns.set(runId, turn);
    this.#list.append(turn.element);
    const signal = AbortSignal.any([this.#site.signal, this.#life.signal]);
    /** @type {import("../feed.js").Watcher["onView"]} */
    const onView = (view, event) => {
      const wasOver = turn.isOver;
      turn.take(view, event);
      const isNews = turn.isOver && !wasOver && event && isFresh(event.timestamp);
      if (isNews) queueMicrotask(() => this.#announce(turn));
      if (turn === this.#oldest) this.#showPast(turn.before ?? []);
      this.#mark();
    };
    this.#connection.watch(runId, { onView }, signal, ["all", "steps"]);
    return turn;
  }

  /** @param {Turn} turn */
  #announce(turn) {
    turn.draw(Date.now(), true);
    setText(this.#live, `${this.#workflow}: ${turn.spoken.slice(0, 500) || turn.view.status}`);
  }

  // What is said now.

  /** @param {string} text */
  #say(text) {
    this.#isAtEnd = true;
    this.#talk.say(text);
  }

  /** @param {Said} said @param {string} runId */
  #accepted(said, runId) {
    // Handed to a node that waits, it stands here until the run tells it.
    if (this.#turns.get(runId)?.view.seq) return;
    this.#turn(runId).say(said.text);
    this.#talk.discard(said);
  }

  /** @param {string} text that a run was given, and now tells itself */
  #taken(text) {
    const said = this.#talk.outbox.find((one) => one.text === text && one.state !== "refused");
    if (said) this.#talk.discard(said);
  }

  #restart() {
    this.#life.abort();
    this.#life = new AbortController();
    this.#turns.clear();
    this.#list.replaceChildren();
    this.#past.replaceChildren();
    this.#past.hidden = true;
    this.#talk.restart();
    this.#composer.focus();
  }

  /** @param {Record<string, unknown>} frame */
  async #command(frame) {
    try {
      await this.#connection.command(frame);
    } catch (error) {
      setText(this.#live, `Not done: ${/** @type {Error} */ (error).message}`);
    }
  }

  #stop() {
    const turn = this.#going();
    if (turn) this.#command({ type: "cancel", run_id: turn.runId });
  }

  /** @returns {Turn | undefined} */
  get #oldest() {
    return this.#turns.values().next().value;
  }

  /** @returns {Turn | undefined} the run that goes on */
  #going() {
    return [...this.#turns.values()].findLast((turn) => !turn.isOver);
  }

  #isGoing() {
    return this.#going() !== undefined;
  }

  // Drawing.

  #mark() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    const draw = () => {
      this.#isDirty = false;
      if (!this.#site.signal.aborted) this.#draw();
    };
    if (document.visibilityState === "hidden") setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  #draw() {
    const { state } = this.#connection;
    const now = Date.now();
    for (const turn of this.#turns.values()) {
      if (!turn.isDrawn) turn.draw(now, state.kind === "live");
    }
    this.#drawOutbox();
    const isBegun = this.#turns.size > 0 || this.#talk.outbox.length > 0 || !this.#past.hidden;
    this.#empty.hidden = !this.#isListed || isBegun;
    if (this.#isListed) nameSession(isBegun ? this.#talk.sessionId : null);
    const going = this.#going();
    const waitsFor = going?.waitsFor ?? null;
    this.#end.hidden = !waitsFor;
    this.#composer.update({
      obstacle: this.#why(),
      prompt: waitsFor?.message || `Message ${this.#workflow}`,
      canStop: going !== undefined && !waitsFor && state.kind === "live",
    });
    this.#drawObstacle();
    if (this.#isAtEnd) this.#scrollToEnd();
  }

  /** @returns {string} why nothing can be said, or "" */
  #why() {
    const { identity, state } = this.#connection;
    if (!this.#isPublished) return "Nobody answers here just now.";
    if (state.kind === "closed" || state.kind === "offline") return "Not connected.";
    const role = identity?.role;
    const mayStart = !role || role === "start" || role === "owner";
    return mayStart ? "" : "You may read here, but not write.";
  }

  #drawObstacle() {
    const { state } = this.#connection;
    const { baseUrl, token, signal } = this.#site;
    const told = this.#isPublished ? explain(state, !!token) : gone(this.#workflow);
    if (this.#obstacle.dataset.title === (told?.title ?? "")) return;
    this.#obstacle.dataset.title = told?.title ?? "";
    const retry = () => this.#connection.settled(signal);
    this.#obstacle.replaceChildren(...(told ? [notice(told, baseUrl, retry)] : []));
  }

  #drawOutbox() {
    const isLive = this.#connection.state.kind === "live";
    const waits = this.#isGoing() ? "waits its turn" : "sending";
    const rows = this.#talk.outbox.map((said) => {
      const row = h("li", { class: "kgnb-turn", "data-said": said.id }, bubble(visible(said.text)));
      const isRefused = said.state === "refused";
      const word = isRefused ? `Not taken: ${said.error}` : isLive ? waits : "not sent yet";
      const note = h("p", { class: "kgnb-you-note", "data-refused": isRefused, role: isRefused && "alert" }, word);
      if (isRefused) {
        note.append(
          action("Send again", () => this.#talk.retry(said)),
          action("Discard", () => this.#talk.discard(said)),
        );
      }
      row.append(note);
      return row;
    });
    const drawn = rows.map((row) => row.textContent).join("\n");
    if (drawn === this.#outboxDrawn) return;
    this.#outboxDrawn = drawn;
    this.#outbox.replaceChildren(...rows);
  }

  #outboxDrawn = "";

  #scrollToEnd() {
    const { scrollHeight, scrollTop, clientHeight } = scroller();
    if (scrollHeight - scrollTop - clientHeight > 1) scroller().scrollTop = scrollHeight;
  }
}

/** @param {string} workflow */
function gone(workflow) {
  return {
    title: `Nothing called “${workflow}” is published now`,
    text:
      `Run the cell that publishes it, with kgnb.publish("${workflow}", …). ` +
      "This page goes on by itself then.",
    help: /** @type {const} */ ("none"),
  };
}

/** @param {string} label @param {() => void} act */
function action(label, act) {
  const button = h("button", { type: "button", class: "kgnb-toggle" }, label);
  button.addEventListener("click", act);
  return button;
}

function scroller() {
  return document.scrollingElement ?? document.documentElement;
}

/** @param {string | undefined} stamp @returns {boolean} whether it has happened just now */
function isFresh(stamp) {
  return Math.abs(Date.now() - Date.parse(stamp ?? "")) < 10_000;
}

/** @returns {Storage | null} */
function shelf() {
  try {
    return sessionStorage;
  } catch {
    return null; // a browser that keeps nothing
  }
}
