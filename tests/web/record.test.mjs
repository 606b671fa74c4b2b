import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { recordMetadata, recordView, staticRecord, visitOf } from "../../kgnb/web/src/record.js";

const WIRE = new URL("../wire/", import.meta.url);
const golden = readdirSync(WIRE)
  .filter((name) => name.startsWith("record-"))
  .map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, WIRE), "utf8")) }));

test("golden records are there", () => assert.ok(golden.length > 0));

for (const { name, view, record } of golden) {
  test(`the record of ${name} is the one that Python makes`, () => {
    const made = staticRecord(view);
    assert.deepEqual(made, record);
    for (const part of ["nodes", "results"]) {
      assert.deepEqual(Object.keys(made[part]), Object.keys(record[part]), "order");
    }
  });

  test(`the record of ${name} can be drawn as it is`, () => {
    const again = recordView(record, recordMetadata(view));
    assert.deepEqual(staticRecord(again).nodes, record.nodes);
    assert.deepEqual(
      again.streams.map(({ text }) => text),
      record.streams.map(({ text }) => text),
    );
    assert.deepEqual(
      again.logs.map(({ task_id, ...log }) => log),
      record.logs,
    );
    assert.deepEqual(
      again.approvals.map(({ value, state }) => [value, state]),
      record.approvals.map(({ value, state }) => [value, state]),
    );
  });
}

test("visitOf reads the visit of a task, and 0 of anything else", () => {
  assert.deepEqual(["Draft:2", "In/Draft:10", "Draft", null, ":x"].map(visitOf), [2, 10, 0, 0, 0]);
});
