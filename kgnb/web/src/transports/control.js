/**
 * The way without a server extension: the browser's own control channel to the kernel.
 *
 * The kernel answers it in a thread of its own, so it works beside a blocked cell. It
 * knows only question and answer, so the browser polls.
 *
 * @import { Channel, ChannelEvents, Kernel, Transport } from "./transport.d.ts"
 */

import { randomId } from "../ids.js";

const PROBE = 2000;
const LOST = 10_000;
const FAST = 60;
const SLOW = 300;

/**
 * @param {Kernel} kernel
 * @returns {Transport}
 */
export function controlTransport(kernel) {
  return {
    name: "control",
    patience: PROBE,
    open: async (events) => {
      const poll = new Poll((content) => request(kernel, content), events);
      await poll.probe();
      return poll;
    },
  };
}

/** @implements {Channel} */
export class Poll {
  #client = randomId();
  /** @type {object[]} */
  #outbox = [];
  #isOpen = true;
  #isAsking = false;
  #delay = FAST;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ask;
  #events;

  /**
   * @param {(content: object) => Ask} ask
   * @param {ChannelEvents} events
   */
  constructor(ask, events) {
    this.#ask = ask;
    this.#events = events;
  }

  /** Whether a kernel with kgnb is there; a kernel without it never answers. */
  async probe() {
    const question = this.#ask({ client: this.#client, frames: [] });
    const timer = setTimeout(() => question.drop(new Error("no reply")), PROBE);
    try {
      this.#take(await question.reply);
    } catch (error) {
      this.#isOpen = false;
      throw new Error("the kernel does not answer on its control channel", {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
    this.#schedule(0);
  }

  /** @param {object} frame */
  send(frame) {
    this.#outbox.push(frame);
    this.#delay = FAST;
    if (!this.#isAsking) this.#schedule(0);
  }

  close() {
    if (!this.#isOpen) return;
    this.#stop();
    const last = { client: this.#client, frames: this.#outbox, final: true };
    this.#ask(last).reply.catch(() => {}); // nobody waits for a goodbye's answer
  }

  #stop() {
    this.#isOpen = false;
    clearTimeout(this.#timer);
  }

  /** @param {number} delay milliseconds */
  #schedule(delay) {
    clearTimeout(this.#timer);
    if (this.#isOpen) this.#timer = setTimeout(() => this.#round(), delay);
  }

  async #round() {
    this.#isAsking = true;
    const question = this.#ask({ client: this.#client, frames: this.#outbox });
    this.#outbox = [];
    const stale = setTimeout(
      () => this.#isOpen && this.#events.onStale("The kernel is slow to answer."),
      PROBE,
    );
    const lost = setTimeout(() => question.drop(new Error("no reply")), LOST);
    try {
      const reply = await question.reply;
      if (this.#isOpen) this.#take(reply);
    } catch {
      // What the missing reply held is gone with it: only a new channel with a
      // cursor gets it again.
      this.#end(1006, "the kernel no longer answers");
    } finally {
      clearTimeout(stale);
      clearTimeout(lost);
      this.#isAsking = false;
    }
    this.#schedule(this.#outbox.length ? 0 : this.#delay);
  }

  /** @param {any} reply */
  #take(reply) {
    if (reply?.status !== "ok") {
      throw new Error(reply?.evalue ?? reply?.reason ?? "refused");
    }
    const frames = Array.isArray(reply.frames) ? reply.frames : [];
    this.#delay = frames.length ? FAST : Math.min(SLOW, this.#delay * 1.4);
    this.#events.onActivity();
    for (const frame of frames) this.#events.onFrame(frame);
    if (reply.closed) this.#end(reply.closed.code ?? 1000, reply.closed.reason ?? "");
  }

  /** @param {number} code @param {string} reason */
  #end(code, reason) {
    if (!this.#isOpen) return;
    this.#stop();
    this.#events.onClose(code, reason);
  }
}

/**
 * @typedef {object} Ask
 * @property {Promise<any>} reply the reply's content
 * @property {(error: Error) => void} drop stop waiting
 */

/**
 * @param {Kernel} kernel
 * @param {object} content
 * @returns {Ask}
 */
function request(kernel, content) {
  /** @type {(error: Error) => void} */
  let drop = () => {};
  const reply = new Promise((resolve, reject) => {
    const message = {
      channel: "control",
      header: {
        msg_id: randomId(),
        msg_type: "kgnb_request",
        session: kernel.clientId ?? "",
        username: kernel.username ?? "",
        date: new Date().toISOString(),
        version: "5.3",
      },
      parent_header: {},
      metadata: {},
      content,
      buffers: [],
    };
    if (!kernel.sendControlMessage) throw new Error("no control channel");
    const future = kernel.sendControlMessage(message, true, true);
    future.onReply = (answer) => resolve(answer.content);
    drop = (error) => {
      future.dispose();
      reject(error);
    };
  });
  return { reply, drop: (error) => drop(error) };
}
