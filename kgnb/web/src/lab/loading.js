/** What runs are drawn with: it comes with the first one, since most notebooks hold none. */

const UNLOADED =
  "This run cannot be drawn, since a part of kgnb could not be loaded (has it been " +
  "updated?). Reload this page.";

/**
 * @param {HTMLElement} host is told where it cannot be loaded
 * @returns {Promise<typeof import("./drawing.js") | undefined>}
 */
export async function loadDrawing(host) {
  try {
    return await import("./drawing.js");
  } catch (error) {
    console.warn("kgnb: nothing is drawn:", error);
    host.textContent = UNLOADED;
  }
}
