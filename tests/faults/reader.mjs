// Reads a run with the client for pages, and prints each event in a line of its own.
// node reader.mjs CLIENT URL TOKEN RUN

import { pathToFileURL } from "node:url";

const [file, url, token, runId] = process.argv.slice(2);
const NodeSocket = globalThis.WebSocket;
globalThis.WebSocket = class extends NodeSocket {
  constructor(address, protocols) {
    super(address, protocols);
    // Node 20 tells of a handshake that failed by `error` alone; browsers close as well.
    this.addEventListener("error", () => {
      if (this.readyState !== NodeSocket.CONNECTING) return;
      this.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
    });
  }
};

const { connect } = await import(pathToFileURL(file).href);
const client = connect({ url, token });
for await (const event of client.events(runId)) console.log(JSON.stringify(event));
client.close();
