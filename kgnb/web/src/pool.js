/**
 * The page's connections: one per way, whoever asks for it.
 *
 * Every anywidget view runs a copy of this module of its own, and the notebook's
 * extension another one; they find each other's connections on `globalThis`, under a
 * name that changes with the protocol, so that a page does not open a socket per cell.
 *
 * @import { Kernel, Transport, WidgetModel } from "./transports/transport.d.ts"
 */

import { Connection } from "./connect.js";
import { commTransport, modelTransport } from "./transports/comm.js";
import { controlTransport } from "./transports/control.js";
import { socketUrl, websocketTransport } from "./transports/websocket.js";

const KEY = Symbol.for("kgnb.connections.v1");

/** @returns {Map<string, Connection>} */
function connections() {
  const page = /** @type {any} */ (globalThis);
  page[KEY] ??= new Map();
  return page[KEY];
}

/**
 * @param {string} key
 * @param {() => Transport} make
 * @returns {Connection}
 */
function shared(key, make) {
  const known = connections().get(key);
  if (known) return known;
  const connection = new Connection(make());
  globalThis.addEventListener?.("online", () => connection.retry());
  connections().set(key, connection);
  return connection;
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

/**
 * @param {string} baseUrl
 * @param {{via?: "panel" | "page", token?: string, workflow?: string}} [options] `workflow`:
 *   the published one that the socket is bound to
 * @returns {Connection}
 */
export function serverConnection(baseUrl, { via, token, workflow } = {}) {
  const key = `websocket ${baseUrl} ${workflow ?? ""} ${token ?? ""}`;
  const url = () => socketUrl(baseUrl, via, workflow);
  return shared(key, () => websocketTransport(url, token));
}

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
