/**
 * The normal way: a WebSocket to the server extension, on the page's own origin.
 *
 * @import { Channel, ChannelEvents, Transport } from "./transport.d.ts"
 */

const SUBPROTOCOL = "kgnb.v1";

/**
 * @param {() => string} url asked at each dial
 * @param {string} [token] travels as a subprotocol, never in a URL
 * @returns {Transport}
 */
export function websocketTransport(url, token) {
  const protocols = token ? [SUBPROTOCOL, `kgnb.token.${token}`] : [SUBPROTOCOL];
  return {
    name: "websocket",
    patience: 5000,
    open: (events) => openSocket(url(), protocols, events),
  };
}

/**
 * @param {string} baseUrl path of the server on this origin, ending in "/"
 * @param {"panel" | "page"} [via] what stands under a decision made here
 * @param {string} [workflow] the published one that the socket is bound to
 * @returns {string} always on the page's own origin, whatever `baseUrl` says
 */
export function socketUrl(baseUrl, via = "panel", workflow) {
  const url = new URL(location.href);
  const bound = workflow === undefined ? "" : `/${encodeURIComponent(workflow)}`;
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.pathname = `${new URL(baseUrl, location.href).pathname}kgnb/ws${bound}`;
  url.search = `?via=${via}`;
  url.hash = "";
  return url.href;
}

/**
 * @param {string} url
 * @param {string[]} protocols
 * @param {ChannelEvents} events
 * @returns {Promise<Channel>}
 */
function openSocket(url, protocols, events) {
  const socket = new WebSocket(url, protocols);
  const { promise, resolve, reject } = withResolvers();
  let isMine = true;
  socket.onopen = () =>
    resolve({
      send: (frame) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
      },
      close: () => {
        isMine = false;
        socket.close(1000);
      },
    });
  socket.onmessage = ({ data }) => {
    const frame = isMine ? parse(data) : null;
    if (frame) events.onFrame(frame);
  };
  socket.onclose = ({ code, reason }) => {
    reject(new Error(reason || `the server closed the connection (${code})`));
    if (isMine) events.onClose(code, reason);
  };
  return promise;
}

/**
 * @param {unknown} data
 * @returns {import("../wire.d.ts").Frame | null}
 */
function parse(data) {
  try {
    const frame = JSON.parse(String(data));
    return frame && typeof frame.type === "string" ? frame : null;
  } catch {
    console.warn("kgnb: a frame that is not JSON was passed over");
    return null;
  }
}

/** @returns {{promise: Promise<Channel>, resolve: (channel: Channel) => void, reject: (error: Error) => void}} */
function withResolvers() {
  /** @type {(channel: Channel) => void} */
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise: /** @type {Promise<Channel>} */ (promise), resolve, reject };
}
