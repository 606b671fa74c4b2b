import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { SETTINGS, Settings } from "../../kgnb/web/src/lab/settings.js";

const schema = JSON.parse(
  readFileSync(
    new URL("../../kgnb/web/labextension/schemas/kgnb/runs.json", import.meta.url),
    "utf-8",
  ),
);

/** A registry's set of settings, as the application changes it. */
function loaded(composite) {
  let listener = () => {};
  return {
    composite,
    changed: { connect: (each) => (listener = each) },
    async set(name, value) {
      this.composite = { ...this.composite, [name]: value };
      listener();
    },
  };
}

test("without a registry the schema's defaults hold", async () => {
  const settings = await Settings.load(null);
  for (const [name, told] of Object.entries(schema.properties)) {
    assert.equal(settings.get(name), told.default, name);
  }
});

test("settings that cannot be read are the defaults, with a warning", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const settings = await Settings.load({ load: () => Promise.reject(new Error("no schema")) });
  assert.equal(settings.get("notifications"), true);
  assert.equal(warn.mock.callCount(), 1);
});

test("a change is told at once, and every listener once at the start", async () => {
  const asked = [];
  const kept = loaded({ badge: false });
  const settings = await Settings.load({ load: async (id) => (asked.push(id), kept) });
  const heard = [];
  settings.follow(() => heard.push(settings.get("badge")));
  await settings.set("badge", true);
  assert.deepEqual(asked, [SETTINGS]);
  assert.deepEqual(heard, [false, true]);
});

test("what is set without a registry holds until the page is left", async () => {
  const settings = new Settings(null);
  let told = 0;
  settings.follow(() => told++);
  await settings.set("notifications", false);
  assert.equal(settings.get("notifications"), false);
  assert.equal(told, 2);
});
