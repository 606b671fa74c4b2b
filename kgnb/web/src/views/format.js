/** Numbers, times and values as people read them. */

/**
 * @param {number} seconds
 * @returns {string} "0.8 s", "42 s", "3:07", "1:02:09"
 */
export function duration(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  const [minutes = 0, rest = 0] = parts;
  const tail = String(rest).padStart(2, "0");
  return hours
    ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}`
    : `${minutes}:${tail}`;
}

/**
 * @param {string | null | undefined} stamp RFC 3339
 * @returns {string} the reader's own date and time, or "" for what is no time
 */
export function moment(stamp) {
  const time = Date.parse(stamp ?? "");
  if (Number.isNaN(time)) return "";
  return new Date(time).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

/**
 * @param {string | null | undefined} stamp RFC 3339
 * @returns {string} the time today, else the day
 */
export function shortMoment(stamp) {
  const date = new Date(Date.parse(stamp ?? ""));
  if (Number.isNaN(date.getTime())) return "";
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString(undefined, { timeStyle: "short" })
    : date.toLocaleDateString(undefined, { dateStyle: "medium" });
}

/**
 * @param {import("../wire.d.ts").Usage | null | undefined} usage
 * @returns {string} "412 in · 96 out", "1,204 in (1,024 cached) · 96 out"
 */
export function usageOf(usage) {
  if (!usage) return "";
  const { input_tokens, output_tokens, cached_tokens } = usage;
  const cached = cached_tokens ? ` (${cached_tokens.toLocaleString("en")} cached)` : "";
  const read = `${input_tokens.toLocaleString("en")} in${cached}`;
  return `${read} · ${output_tokens.toLocaleString("en")} out`;
}

/** @param {number} perSecond @returns {string} "62/s", "2.5/s", "4.0 s each" */
export function pace(perSecond) {
  if (perSecond >= 10) return `${Math.round(perSecond).toLocaleString("en")}/s`;
  return perSecond >= 1 ? `${perSecond.toFixed(1)}/s` : `${duration(1 / perSecond)} each`;
}

/** @param {number} count @param {string} one @returns {string} "1 line", "1,204 lines" */
export function plural(count, one) {
  return `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
}

/**
 * @param {import("../wire.d.ts").Json} value
 * @returns {string} a text as it is, anything else as readable JSON
 */
export function readable(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** @param {import("../wire.d.ts").Json} value @returns {string} on one line */
export function inline(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {import("../wire.d.ts").By | null} by @returns {string} "Ann (page)", "from the panel", "a script" */
export function decidedBy(by) {
  if (!by) return "";
  if (by.kind === "script") return "a script";
  if (by.kind === "policy") return "a rule";
  if (!by.user) return by.via ? `from the ${by.via}` : "a person";
  return by.via ? `${by.user} (${by.via})` : by.user;
}

/**
 * @param {import("../wire.d.ts").Problem} problem
 * @param {string} [where] the node's name
 * @returns {string} the code only where it says more than that a node raised
 */
export function told({ code, message }, where = "") {
  const what = code === "internal" ? "" : code;
  const head = [what, where].filter(Boolean).join(" in ");
  return head ? `${head}: ${message}` : message;
}

/**
 * How a connection is, in a word.
 * @type {Record<import("../connect.js").ConnectionState["kind"], string>}
 */
export const CONNECTION = {
  connecting: "connecting",
  live: "live",
  stale: "not answering",
  reconnecting: "reconnecting",
  offline: "offline",
  closed: "closed",
};

/** @param {number} bytes @returns {string} "812 B", "12 kB" */
export function sizeOf(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${Math.round(bytes / 1000).toLocaleString("en")} kB`;
}
