/** What a replay's panel lets nobody do. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { barred } from "../../kgnb/web/src/views/votes.js";

test("a question of a replay is shown, and nobody may answer it", () => {
  const asked = { need: 1, approvers: null, votes: [] };
  assert.equal(
    barred(asked, { kind: "replay", role: "view" }),
    "A replay: this was answered when it was recorded.",
  );
});
