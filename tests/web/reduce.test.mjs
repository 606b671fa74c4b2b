import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { emptyView, reduce } from "../../kgnb/web/src/reduce.js";

const WIRE = new URL("../wire/", import.meta.url);
const files = readdirSync(WIRE)
  .filter((name) => name.endsWith(".json"))
  .map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, WIRE), "utf8")) }));
const golden = files.filter((file) => file.events && file.view);

test("golden files are there", () => {
  assert.ok(golden.length > 0, "tests/wire holds no file with events and a view");
});

for (const { name, events, view } of golden) {
  test(`reduce folds ${name} to the view that Python folds`, () => {
    assert.deepEqual(events.reduce(reduce, emptyView()), view);
  });

  test(`reduce passes over what it has of ${name} when all is replayed`, () => {
    const once = events.reduce(reduce, emptyView());
    assert.deepEqual(events.reduce(reduce, structuredClone(once)), once);
  });
}

test("reduce keeps a node whose name is __proto__", () => {
  const view = reduce(emptyView(), {
    type: "node_update",
    run_id: "r",
    seq: 1,
    node_id: "__proto__",
    task_id: "__proto__:1",
    status: "running",
  });
  assert.equal(JSON.parse(JSON.stringify(view)).nodes.__proto__.status, "running");
  assert.equal({}.status, undefined);
});

test("reduce counts text in code points when frames overlap", () => {
  const token = (seq, index, data) => ({
    type: "token",
    run_id: "r",
    seq,
    node_id: "A",
    stream: "A:1.1/1",
    index,
    data,
  });
  const view = [token(1, 0, "a😀b"), token(2, 1, "😀bc👍")].reduce(reduce, emptyView());
  assert.equal(view.streams[0].text, "a😀bc👍");
  assert.equal(view.streams[0].length, 5);
});
