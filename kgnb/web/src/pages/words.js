/**
 * Whole messages of a conversation, as its steps and its session tell them: what was not
 * seen while it was written.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { bubble, toolBox, wholeReply } from "./reply.js";
import { h, valueBox, visible } from "../shared.js";

/**
 * @typedef {object} Message
 * @property {string} role
 * @property {wire.Json} [content]
 * @property {string | null} [name]
 * @property {string | null} [tool_call_id]
 * @property {{id?: string, name: string, args: wire.Json}[]} [tool_calls]
 */

/**
 * @param {wire.Json | undefined} content a text, or blocks of text and of other things
 * @returns {string} its text
 */
export function textOf(content) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map(blockText).join("");
}

/** @param {wire.Json} block */
function blockText(block) {
  if (typeof block === "string") return block;
  const isText = block !== null && typeof block === "object" && !Array.isArray(block) && block.type === "text";
  return isText ? String(block.text ?? "") : "";
}

/** @param {wire.Json | undefined} content @returns {boolean} whether it is of blocks that models write */
function isOfBlocks(content) {
  const isBlock = (/** @type {any} */ block) => typeof block === "string" || typeof block?.type === "string";
  return Array.isArray(content) && content.every(isBlock);
}

/**
 * @param {Message} message
 * @returns {HTMLElement | null} null where it says nothing
 */
export function wholeMessage({ role, content = null, name }) {
  const text = textOf(content);
  if (role === "user") return bubble(visible(text || JSON.stringify(content, null, 2)));
  if (role === "tool") return toolBox(name ?? "tool", { content });
  if (role === "system") return h("p", { class: "kgnb-remark" }, visible(text));
  if (text || isOfBlocks(content)) return text.trim() ? wholeReply(text) : null;
  return content === null || content === "" ? null : valueBox(content);
}

/**
 * What was said before all that is drawn from its runs.
 * @param {Message[]} messages
 * @returns {HTMLElement[]} one for each thing said, the calls of tools with their results
 */
export function pastTalk(messages) {
  const answers = new Map(messages.map((message) => [message.tool_call_id, message.content ?? null]));
  const called = new Set(messages.flatMap(({ tool_calls = [] }) => tool_calls.map(({ id }) => id)));
  return messages.flatMap((message) => {
    const isShown = message.role === "tool" && called.has(message.tool_call_id ?? undefined);
    const whole = message.role === "system" || isShown ? null : wholeMessage(message);
    const calls = (message.tool_calls ?? []).map(({ id, name, args }) =>
      toolBox(name, { text: JSON.stringify(args), content: answers.get(id) }),
    );
    return whole ? [whole, ...calls] : calls;
  });
}
