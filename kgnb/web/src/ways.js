/**
 * The ways to a run, of which a route takes the first that works.
 *
 * @import { Connection } from "./connect.js"
 * @import { Kernel, WidgetModel } from "./transports/transport.d.ts"
 */

import { serverConnection, shared } from "./pool.js";
import { commTransport, modelTransport } from "./transports/comm.js";
import { controlTransport } from "./transports/control.js";

/**
 * Every way that a target has, best first, less those that `transports` leaves out.
 *
 * @param {object} target
 * @param {string | null} [target.baseUrl] the server's path on this origin
 * @param {"panel" | "page"} [target.via] what stands under a decision made here
 * @param {string} [target.token] a share link's
 * @param {() => Kernel | null | undefined} [target.kernel] the kernel's connection
 * @param {WidgetModel} [target.model] the widget that the view belongs to
 * @param {"server" | "kernel"} [target.log] where the run's log is
 * @param {string[]} [target.transports]
 * @param {boolean} [target.replay] whether the run is a recorded one, shown again
 * @returns {(() => Connection | null)[]}
 */
export function ways(target) {
  const { baseUrl, via, token, kernel = () => null, model } = target;
  const allowed = new Set(target.transports ?? ["websocket", "control", "comm"]);
  if (target.log === "kernel") allowed.delete("websocket"); // no server knows that run
  const found = [];
  if (baseUrl && allowed.has("websocket")) {
    found.push(() => serverConnection(baseUrl, { via, token }));
  }
  if (allowed.has("control")) {
    found.push(() => {
      const there = kernel();
      if (!there?.sendControlMessage) return null;
      return shared(`control ${kernelName(there)}`, () => controlTransport(there));
    });
  }
  if (model && allowed.has("comm")) {
    found.push(() => shared(`model ${nameOf(model)}`, () => modelTransport(model)));
  } else if (allowed.has("comm")) {
    found.push(() => {
      const there = kernel();
      if (!there?.createComm) return null;
      return shared(`comm ${kernelName(there)}`, () => commTransport(there));
    });
  }
  return found;
}

/** @param {Kernel} kernel */
function kernelName(kernel) {
  return `${kernel.id ?? ""} ${nameOf(kernel)}`;
}

/** @type {WeakMap<object, string>} */
const names = new WeakMap();
let named = 0;

/** @param {object} thing @returns {string} the same for the same object */
function nameOf(thing) {
  const name = names.get(thing) ?? `${Math.random()}.${named++}`;
  names.set(thing, name);
  return name;
}
