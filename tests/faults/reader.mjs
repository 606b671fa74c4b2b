// Reads a run as the panel does, and prints each event in a line of its own.
// node reader.mjs SOURCES URL TOKEN RUN

import { pathToFileURL } from "node:url";

const [sources, url, token, runId] = process.argv.slice(2);
const at = (name) => import(pathToFileURL(`${sources}/${name}`).href);
const { Connection } = await at("connect.js");
const { websocketTransport } = await at("transports/websocket.js");

globalThis.location = { href: url };
const NodeSocket = globalThis.WebSocket;
globalThis.WebSocket = class extends NodeSocket {
  constructor(address, protocols) {
    super(`${address}&token=${token}`, protocols); // a page has a cookie instead
    // Node 20 tells of a handshake that failed by `error` alone; browsers close as well.
    this.addEventListener("error", () => {
      if (this.readyState !== NodeSocket.CONNECTING) return;
      this.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
    });
  }
};

const transport = websocketTransport({ baseUrl: new URL(url).pathname, via: "page" });
const connection = new Connection(transport);
const life = new AbortController();
connection.watch(
  runId,
  {
    onView: (_view, event) => {
      if (event === null) return;
      console.log(JSON.stringify(event));
      if (event.type === "workflow_completed") {
        life.abort();
        connection.close();
      }
    },
  },
  life.signal,
);
