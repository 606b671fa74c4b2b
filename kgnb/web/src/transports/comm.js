/**
 * The last way: a comm. It shares the shell channel with the cells, so on some kernels
 * it is deaf while one runs; the panel says so.
 *
 * @import { ChannelEvents, Kernel, Transport, WidgetModel } from "./transport.d.ts"
 */

import { randomId } from "../ids.js";

/** Milliseconds to wait for a comm's own shell, which not every application starts. */
const SUBSHELL = 1500;

/**
 * Milliseconds after which a widget says again what nobody heard: of its comm's shell
 * it cannot be told. Frames may come twice: a command takes effect once.
 */
const AGAIN = [500, 2000];

const TARGET = "kgnb";

/**
 * A comm of our own, where the front end lets us open one (JupyterLab, Notebook 7).
 * @param {Kernel} kernel
 * @returns {Transport}
 */
export function commTransport(kernel) {
  return {
    name: "comm",
    patience: null,
    open: async (events) => {
      if (!kernel.createComm) throw new Error("no comms here");
      const comm = kernel.createComm(TARGET);
      comm.onMsg = (message) => deliver(message?.content?.data, events);
      comm.onClose = () => events.onClose(1006, "the kernel closed the channel");
      // JupyterLab gives a comm a shell beside the one that cells block, on ipykernel 7,
      // but a moment later; what is sent before goes to the cells' shell, and 7.4 then
      // sends all that follows there, too.
      if (kernel.supportsSubshells) await atMost(SUBSHELL, comm.subshellStarted);
      comm.open({ frames: [] });
      return {
        send: (frame) => void comm.send({ frames: [frame] }),
        close: () => {
          comm.onClose = () => {};
          if (!comm.isDisposed) comm.close();
        },
      };
    },
  };
}

/**
 * The widget's own comm: all that an anywidget has in VS Code or Colab.
 * @param {WidgetModel} model
 * @returns {Transport}
 */
export function modelTransport(model) {
  return {
    name: "comm",
    patience: null,
    open: async (events) => {
      const client = randomId();
      /** @param {object[]} frames */
      const say = (frames) => model.send({ kgnb: { client, frames } });
      /** @type {object[]} what may have gone to the cells' shell; see `commTransport` */
      let unheard = [];
      let isHeard = false;
      const timers = AGAIN.map((delay) => setTimeout(() => say(unheard), delay));
      const hear = () => {
        isHeard = true;
        unheard = [];
        timers.forEach(clearTimeout);
      };
      /** @param {any} message */
      const onMessage = (message) => {
        // All views of a widget share its comm: each looks for its own name.
        if (message?.kgnb?.client !== client) return;
        hear();
        deliver(message.kgnb, events);
      };
      model.on("msg:custom", onMessage);
      say([]);
      return {
        send: (frame) => {
          if (!isHeard) unheard.push(frame);
          say([frame]);
        },
        close: () => {
          hear();
          model.off("msg:custom", onMessage);
          model.send({ kgnb: { client, frames: [], final: true } });
        },
      };
    },
  };
}

/**
 * @param {number} milliseconds
 * @param {Promise<unknown> | undefined} promise
 * @returns {Promise<void>} when it is settled, either way, or the time is over
 */
function atMost(milliseconds, promise) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    promise?.then(done, done);
  });
}

/** @param {any} data @param {ChannelEvents} events */
function deliver(data, events) {
  if (!data) return;
  events.onActivity();
  for (const frame of data.frames ?? []) events.onFrame(frame);
  if (data.closed) events.onClose(data.closed.code ?? 1000, data.closed.reason ?? "");
}
