/** Style sheets as they are shipped: without what only their readers need. */

import { readFileSync } from "node:fs";

import { transform } from "esbuild";

/** What nearly every rule of the style sheet begins with. */
const ROOT = ".kgnb ";

/** @param {string | URL} path @returns {Promise<string>} for every browser */
export async function minifiedStyle(path) {
  const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
  // Within custom properties esbuild leaves all as it is.
  return code.trim().replace(/(--[\w-]+:|,) /g, "$1");
}

/** A style sheet as a text, for browsers that know nested rules. */
export const styleTexts = {
  name: "style texts",
  /** @param {import("esbuild").PluginBuild} build */
  setup: (build) =>
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({
      contents: nested(await minifiedStyle(path)),
      loader: "text",
    })),
};

/**
 * Neighbouring rules below the root class as one nested rule: the same to a browser, but
 * for the root's name on each of them.
 * @param {string} css minified
 */
function nested(css) {
  let made = "";
  let isWithin = false;
  for (const rule of rules(css)) {
    const [head, body] = [rule.slice(0, rule.indexOf("{")), rule.slice(rule.indexOf("{") + 1, -1)];
    const selectors = head.split(/,(?![^(]*\))/);
    const isBelow = selectors.every((one) => one.startsWith(ROOT));
    if (isBelow !== isWithin) made += isBelow ? `${ROOT.trim()}{` : "}";
    isWithin = isBelow;
    const within = /^@(container|media)/.test(head) ? nested(body) : body;
    made += `${isBelow ? selectors.map((one) => one.slice(ROOT.length)).join() : head}{${within}}`;
  }
  return isWithin ? `${made}}` : made;
}

/** @param {string} css @returns {Generator<string>} its rules, those of a condition as one */
function* rules(css) {
  let depth = 0;
  let start = 0;
  for (const { 0: brace, index } of css.matchAll(/[{}]/g)) {
    depth += brace === "{" ? 1 : -1;
    if (depth) continue;
    yield css.slice(start, index + 1);
    start = index + 1;
  }
}
