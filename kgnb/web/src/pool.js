/**
 * The page's connections: one per way, whoever asks for it.
 *
 * Every anywidget view runs a copy of this module of its own, and the notebook's
 * extension another one; they find each other's connections on `globalThis`, under a
 * name that changes with the protocol, so that a page does not open a socket per cell.
 *
 * @import { Transport } from "./transports/transport.d.ts"
 */

import { Connection } from "./connect.js";
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
 * @returns {Connection} the one of that name, which is made where there is none yet
 */
export function shared(key, make) {
  const known = connections().get(key);
  if (known) return known;
  const connection = new Connection(make());
  globalThis.addEventListener?.("online", () => connection.retry());
  connections().set(key, connection);
  return connection;
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
