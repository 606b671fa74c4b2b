/**
 * Bundles src/ into what is committed and shipped.
 *
 *     node build.mjs           write the bundles
 *     node build.mjs --check   fail where the committed ones differ
 */

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { minifiedStyle, styleTexts } from "./styles.mjs";

const HERE = new URL("./", import.meta.url);
const EXTENSION = "labextension/package.json";
const STATIC = "labextension/static";

const common = {
  absWorkingDir: fileURLToPath(HERE),
  bundle: true,
  write: false,
  minify: true,
  legalComments: "none",
  charset: "ascii",
  target: ["es2022"],
  plugins: [styleTexts],
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

/**
 * @param {string} entry
 * @param {import("esbuild").BuildOptions} options
 * @returns {Promise<string>} all of it as one file
 */
async function whole(entry, options = {}) {
  const { outputFiles } = await build({ ...common, format: "esm", ...options, entryPoints: [entry] });
  return outputFiles[0].text;
}

/**
 * The extension of JupyterLab and Notebook 7: a script that the application runs when it
 * starts, and modules that are fetched when they are needed. Servers let browsers keep
 * such files for ever, so each is named after what is in it.
 * @returns {Promise<Record<string, string>>} by file
 */
async function extension() {
  const { outputFiles, metafile } = await build({
    ...common,
    entryPoints: ["src/lab/modules.js"],
    format: "esm",
    splitting: true,
    metafile: true,
    outdir: STATIC,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
  });
  const modules = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === "src/lab/modules.js");
  const container = await whole("src/lab.js", {
    banner: { js: `${common.banner.js}\n(() => {` },
    footer: { js: "})();" },
    plugins: [beside("./lab/modules.js", `./${basename(modules[0])}`)],
  });
  const script = `static/remoteEntry.${digest(container)}.js`;
  const about = JSON.parse(readFileSync(new URL(EXTENSION, HERE), "utf8"));
  about.jupyterlab._build.load = script;
  return {
    ...Object.fromEntries(outputFiles.map(({ path, text }) => [`${STATIC}/${basename(path)}`, text])),
    [`labextension/${script}`]: container,
    [EXTENSION]: `${JSON.stringify(about, null, 2)}\n`,
  };
}

/** @param {string} text @returns {string} another one for another text */
function digest(text) {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/**
 * A module that is fetched by its name instead of being bundled.
 * @param {string} module
 * @param {string} name
 */
function beside(module, name) {
  return {
    name: "beside",
    /** @param {import("esbuild").PluginBuild} build */
    setup: (build) =>
      build.onResolve({ filter: /./ }, ({ path }) => (path === module ? { path: name, external: true } : undefined)),
  };
}

const files = {
  "kgnb.js": await whole("src/widget.js"),
  "page.js": await whole("src/pages/main.js", { plugins: [shared] }),
  "client.js": await whole("src/client.js"),
  "kgnb.css": `${await minifiedStyle(new URL("src/styles/kgnb.css", HERE))}\n`,
  "pages.css": `${await minifiedStyle(new URL("src/styles/pages.css", HERE))}\n`,
  ...(await extension()),
};

/** Of an earlier state of src/. */
const stale = readdirSync(new URL(STATIC, HERE))
  .map((name) => `${STATIC}/${name}`)
  .filter((name) => !(name in files));

const isCheck = process.argv.includes("--check");
for (const [name, text] of Object.entries(files)) {
  const path = new URL(name, HERE);
  if (!isCheck) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    throw new Error(`${name} is not what src/ gives: run node build.mjs`);
  }
  console.log(`${name}: ${Buffer.byteLength(text)} bytes`);
}
for (const name of stale) {
  if (isCheck) throw new Error(`${name} is not of src/: run node build.mjs`);
  rmSync(new URL(name, HERE));
}
