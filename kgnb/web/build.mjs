/**
 * Bundles src/ into what is committed and shipped.
 *
 *     node build.mjs           write the bundles
 *     node build.mjs --check   fail where the committed ones differ
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build, transform } from "esbuild";

/** What nearly every rule of the style sheet begins with. */
const ROOT = ".kgnb ";
const HERE = new URL("./", import.meta.url);
const MOST_BYTES = 160 * 1024;

/** A style sheet as a text, without what only its readers need. */
const minified = {
  name: "minified",
  /** @param {import("esbuild").PluginBuild} build */
  setup: (build) =>
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const source = readFileSync(path, "utf8");
      const { code } = await transform(source, { loader: "css", minify: true });
      // Within custom properties esbuild leaves all as it is.
      const bare = code.trim().replace(/(--[\w-]+:|,) /g, "$1");
      return { contents: nested(bare), loader: "text" };
    }),
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

const common = {
  absWorkingDir: fileURLToPath(HERE),
  bundle: true,
  write: false,
  minify: true,
  legalComments: "none",
  charset: "ascii",
  target: ["es2022"],
  plugins: [minified],
  banner: { js: "/* kgnb's panel, built from kgnb/web/src by build.mjs. BSD-3-Clause. */" },
};

/** Pages import what they share with the panel from kgnb.js, as a browser does. */
const shared = {
  name: "shared",
  /** @param {import("esbuild").PluginBuild} build */
  setup: (build) =>
    build.onResolve({ filter: /^\.\.\// }, ({ path, resolveDir }) => {
      if (!resolveDir.endsWith("/src/pages")) return undefined;
      if (path === "../shared.js") return { path: "./kgnb.js", external: true };
      return { errors: [{ text: `pages import from ../shared.js only, not ${path}` }] };
    }),
};

const bundles = [
  { entryPoints: ["src/widget.js"], outfile: "kgnb.js", format: "esm" },
  { entryPoints: ["src/pages/main.js"], outfile: "page.js", format: "esm", plugins: [shared] },
  { entryPoints: ["src/client.js"], outfile: "client.js", format: "esm" },
  {
    entryPoints: ["src/lab.js"],
    outfile: "labextension/static/remoteEntry.js",
    format: "iife",
  },
];

const isCheck = process.argv.includes("--check");
for (const bundle of bundles) {
  const { outputFiles } = await build({ ...common, ...bundle });
  const made = outputFiles[0].contents;
  const path = new URL(bundle.outfile, HERE);
  if (made.length > MOST_BYTES) {
    throw new Error(`${bundle.outfile}: ${made.length} bytes, more than ${MOST_BYTES}`);
  }
  if (!isCheck) writeFileSync(path, made);
  else if (!readFileSync(path).equals(Buffer.from(made))) {
    throw new Error(`${bundle.outfile} is not what src/ gives: run node build.mjs`);
  }
  console.log(`${bundle.outfile}: ${made.length} bytes`);
}
