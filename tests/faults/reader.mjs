// Reads a run with the client for pages, and prints each event in a line of its own.
// node reader.mjs CLIENT URL TOKEN RUN

import { pathToFileURL } from "node:url";

import { WebSocket } from "../tools/node_modules/ws/wrapper.mjs";

// Debian's Node has none of its own. An error nobody listens to would end it; a
// browser's client hears of the close that follows.
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.on("error", () => {});
  }
};

const [file, url, token, runId] = process.argv.slice(2);
const { connect } = await import(pathToFileURL(file).href);
const client = connect({ url, token });
for await (const event of client.events(runId)) console.log(JSON.stringify(event));
client.close();
