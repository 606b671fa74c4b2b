/** Random names for clients, messages and commands. */

/** @returns {string} 32 hexadecimal digits; works on plain http too, unlike randomUUID */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
