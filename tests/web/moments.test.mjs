import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { moments, viewAt } from "../../kgnb/web/src/moments.js";
import { emptyView, reduce } from "../../kgnb/web/src/reduce.js";

const WIRE = new URL("../wire/", import.meta.url);
const golden = readdirSync(WIRE)
  .filter((name) => name.startsWith("fold-"))
  .map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, WIRE), "utf8")) }));

/** A node that asks waits, whether or not the log's writer said so. */
const states = (view) =>
  Object.fromEntries(
    Object.entries(view.nodes).map(([id, { status, visits }]) => [
      id,
      { status: status === "waiting" ? "running" : status, visits },
    ]),
  );

for (const { name, view, moments: told } of golden) {
  test(`moments of ${name} are those that Python finds`, () => {
    assert.deepEqual(moments(view), told);
  });

  test(`the view of ${name} at its last moment is that of now`, () => {
    const past = viewAt(view, told, told.length);
    assert.deepEqual(states(past), states(view));
    assert.deepEqual(past.edges, view.edges);
  });

  test(`looking back leaves the view of ${name} as it is`, () => {
    const before = structuredClone(view);
    for (let count = 0; count <= told.length; count++) viewAt(view, told, count);
    assert.deepEqual(view, before);
  });
}

test("the view at each moment is what the log said until then", () => {
  const { events } = golden.find(({ name }) => name === "fold-revise-loop.json");
  const view = emptyView();
  const seen = [];
  for (const event of events) {
    reduce(view, event);
    const isMoment = event.type === "node_update" && event.progress == null;
    if (isMoment || event.type.startsWith("approval_re")) seen.push(JSON.stringify(states(view)));
  }
  const all = moments(view);
  const past = all.map((_, index) => JSON.stringify(states(viewAt(view, all, index + 1))));
  for (const state of past) assert.ok(seen.includes(state), state);
});

test("a run of which the beginning is not kept begins with what was over", () => {
  const view = emptyView();
  const graph = { name: "g", nodes: [{ id: "A", label: "A" }], edges: [] };
  let seq = 0;
  const tell = (more) =>
    reduce(view, { run_id: "r", seq: ++seq, timestamp: new Date(seq * 1000).toISOString(), ...more });
  tell({ type: "workflow_started", graph });
  for (let visit = 1; visit <= 1200; visit++) {
    const of = { type: "node_update", node_id: "A", task_id: `A:${visit}` };
    tell({ ...of, status: "running", via: visit > 1 ? { node_id: "A", action: "again" } : null });
    tell({ ...of, status: "completed", duration: 1 });
  }
  const all = moments(view);
  assert.equal(all.length, 1000);
  const first = viewAt(view, all, 0);
  assert.equal(first.nodes.A.status, "completed");
  assert.equal(first.nodes.A.visits, 700);
  assert.equal(viewAt(view, all, 1000).nodes.A.visits, 1200);
  assert.equal(viewAt(view, all, 1000).edges[0].count, 1199);
});

test("a moment of a node that is not there is no other object's", () => {
  for (const name of ["__proto__", "constructor"]) {
    const end = { at: 0, kind: "end", node_id: name, task_id: `${name}:1`, status: "failed" };
    assert.deepEqual(viewAt(emptyView(), [end], 1).nodes, {});
  }
  assert.equal({}.active, undefined);
  assert.equal(Object.active, undefined);
});
