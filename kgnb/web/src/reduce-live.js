/**
 * What moves while a node works: its bars, and its texts. A part of the fold in
 * reduce.js; the twin of kgnb/protocol/live_view.py.
 *
 * @import * as wire from "./wire.d.ts"
 */

/** Stands in a text where characters of it never came. */
const LOST = "…";

/**
 * Set a key that came over the wire; a plain assignment to "__proto__" would be lost.
 * @template T
 * @param {Record<string, T>} record
 * @param {string} key
 * @param {T} value
 * @returns {T}
 */
export function put(record, key, value) {
  Object.defineProperty(record, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
  return value;
}

/**
 * What a record has under a key that came over the wire, and not what every object has
 * under "constructor".
 * @template T
 * @param {Record<string, T>} record
 * @param {string} key
 * @returns {T | undefined}
 */
export function own(record, key) {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * Put a report where it belongs.
 * @param {wire.NodeView} node
 * @param {wire.Progress} event
 * @returns {wire.ProgressView | null} the node's own main bar, if it is of that
 */
export function showProgress(node, event) {
  const { percent, current, total, message, item, track, ...more } = event.data;
  const shown = {
    percent,
    current: current ?? null,
    total: total ?? null,
    message: message ?? null,
    label: more.label ?? null,
    rate: more.rate ?? null,
    remaining: more.remaining ?? null,
    elapsed: more.elapsed ?? null,
    closed: more.closed ?? false,
    failed: more.failed ?? false,
    attempt: event.attempt ?? null,
  };
  const before = item == null ? "" : `${item}/`;
  if (shown.closed) dropInner(node.tracks, `${before}${track ?? 1}.`);
  if (track != null) {
    put(node.tracks, before + track, { ...shown, track, item: item ?? null });
    return null;
  }
  if (item == null) return shown;
  put(node.items, item, shown);
  return null;
}

/**
 * Take away the bars below others: all, or those whose key begins with `below`.
 * @param {Record<string, wire.TrackView>} tracks
 * @param {string} [below]
 */
export function dropInner(tracks, below = "") {
  for (const [key, bar] of Object.entries(tracks)) {
    if (bar.track.includes(".") && key.startsWith(below)) delete tracks[key];
  }
}

/**
 * Append what came.
 * @param {wire.StreamView[]} streams
 * @param {wire.Token} event
 * @returns {wire.Usage | null} the stream's usage when it is first told; a frame may
 *   come twice
 */
export function showToken(streams, event) {
  const kind = event.kind ?? "text";
  const call = event.call?.number ?? null;
  let stream = streams.findLast(
    (known) => known.stream === event.stream && known.kind === kind && known.call === call,
  );
  if (!stream) {
    stream = newStream(event, kind, call);
    supersede(streams, stream);
    streams.push(stream);
  }
  stream.tool = event.call?.name || stream.tool;
  stream.call_id = event.call?.id || stream.call_id;
  const index = event.index ?? 0;
  if (index > stream.length) {
    stream.missing += index - stream.length;
    stream.length = index;
    stream.text += LOST;
  }
  const overlap = stream.length - index;
  const points = Array.from(event.data);
  stream.text += overlap ? points.slice(overlap).join("") : event.data;
  stream.length += Math.max(0, points.length - overlap);
  stream.final = stream.final || (event.final ?? false);
  if (!event.usage || stream.usage) return null;
  stream.usage = added(null, event.usage);
  return stream.usage;
}

/**
 * @param {wire.Token} event
 * @param {wire.TokenKind} kind
 * @param {number | null} call
 * @returns {wire.StreamView}
 */
export function newStream(event, kind, call) {
  return {
    stream: event.stream,
    node_id: event.node_id,
    task_id: event.task_id ?? null,
    attempt: event.attempt ?? null,
    kind,
    name: event.name ?? null,
    item: event.item ?? null,
    call,
    tool: null,
    call_id: null,
    outcome: null,
    text: "",
    length: 0,
    missing: 0,
    final: false,
    superseded: false,
    usage: null,
  };
}

/**
 * What earlier attempts of the same visit and item said is no more.
 * @param {wire.StreamView[]} streams
 * @param {wire.StreamView} latest
 */
function supersede(streams, latest) {
  for (const known of streams) {
    const isSame = known.task_id === latest.task_id && known.item === latest.item;
    if (isSame && (known.attempt ?? 0) < (latest.attempt ?? 0)) known.superseded = true;
  }
}

/**
 * Keep a message; a tool's stands with the call that it answers, too.
 * @param {wire.StreamView[]} streams
 * @param {wire.MessageView[]} messages
 * @param {wire.Message} event
 */
export function showMessage(streams, messages, { node_id, data }) {
  const { role, content, name = null, tool_call_id = null, args, failed } = data;
  messages.push({ node_id, role, content, name, tool_call_id });
  if (tool_call_id === null) return;
  const stream = streams.findLast(({ call_id }) => call_id === tool_call_id);
  if (stream) stream.outcome = { content, args: args ?? null, failed: failed ?? false };
}

/**
 * Both together.
 * @param {wire.Usage | null} one
 * @param {Partial<wire.Usage>} other
 * @returns {wire.Usage}
 */
export function added(one, other) {
  const sum = (/** @type {keyof wire.Usage} */ name) => (one?.[name] ?? 0) + (other[name] ?? 0);
  return {
    input_tokens: sum("input_tokens"),
    output_tokens: sum("output_tokens"),
    total_tokens: sum("total_tokens"),
    cached_tokens: sum("cached_tokens"),
    reasoning_tokens: sum("reasoning_tokens"),
  };
}
