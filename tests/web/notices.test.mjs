import assert from "node:assert/strict";
import test, { afterEach, beforeEach, mock } from "node:test";

import { Notices, noticeOf } from "../../kgnb/web/src/lab/notices.js";

function question(key, { message = "Publish?", workflow = "article", ...approval } = {}) {
  return {
    key,
    run_id: "r1",
    workflow,
    kernel_id: "k1",
    approval: { approval_id: key, message, need: 1, approvers: null, votes: [], ...approval },
  };
}

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

/** Notices over a manager that is only a list; `pass` lets the moment of grace go by. */
function scene({ seen = [], stored = null, identity = { role: "owner" } } = {}) {
  const notes = new Map();
  const made = [];
  const memory = { kept: stored, getItem: () => memory.kept, setItem: (_, text) => (memory.kept = text) };
  const led = [];
  const notices = new Notices({
    manager: {
      notify(text, type, options) {
        const id = `n${made.length}`;
        made.push(text);
        notes.set(id, { text, type, ...options });
        return id;
      },
      dismiss: (id) => notes.delete(id),
    },
    identity: () => identity,
    isSeen: ({ key }) => seen.includes(key),
    show: ({ key }) => led.push(key),
    showAll: () => led.push("all"),
    memory,
  });
  const texts = () => [...notes.values()].map(({ text }) => text);
  return { notices, notes, made, memory, led, texts, pass: () => mock.timers.tick(1000) };
}

test("a new question is told once, and leads to it", () => {
  const { notices, notes, made, led, pass } = scene();
  notices.begin([]);
  for (let n = 0; n < 3; n++) {
    notices.update([question("a")]);
    pass();
  }
  assert.deepEqual(made, ["article asks: Publish?"]);
  const [{ actions, autoClose }] = notes.values();
  assert.equal(autoClose, false);
  assert.equal(actions[0].label, "Show");
  actions[0].callback();
  assert.deepEqual(led, ["a"]);
});

test("a question that a script answers at once is not told", () => {
  const { notices, made, pass } = scene();
  notices.begin([]);
  notices.update([question("a")]);
  notices.update([]);
  pass();
  assert.deepEqual(made, []);
});

test("a decided question's notification goes, and no other's", () => {
  const { notices, texts, pass } = scene();
  notices.begin([]);
  notices.update([question("a"), question("b", { message: "Send?" })]);
  pass();
  notices.update([question("b", { message: "Send?" })]);
  assert.deepEqual(texts(), ["article asks: Send?"]);
});

test("a question that one has come to is told no more", () => {
  const { notices, made, texts, pass } = scene();
  notices.begin([]);
  notices.update([question("a")]);
  pass();
  notices.settle("a");
  notices.settle("b");
  notices.update([question("a"), question("b")]);
  pass();
  assert.deepEqual([made.length, texts()], [1, []]);
});

test("what was open before is summed up, until nothing of it is left", () => {
  const { notices, texts, led, notes, pass } = scene();
  notices.update([question("a"), question("b"), question("c")]);
  pass();
  assert.deepEqual(texts(), []);
  notices.begin(["a", "b", "c"]);
  pass();
  assert.deepEqual(texts(), ["3 approvals wait for you."]);
  [...notes.values()][0].actions[0].callback();
  assert.deepEqual(led, ["all"]);
  notices.update([question("c")]);
  assert.equal(texts().length, 1);
  notices.update([]);
  assert.deepEqual(texts(), []);
});

test("a single question that was open before is told by its words", () => {
  const { notices, texts, pass } = scene();
  notices.begin(["a", "gone"]);
  notices.update([question("a")]);
  pass();
  assert.deepEqual(texts(), ["article asks: Publish?"]);
});

test("a reload in the same session repeats nothing", () => {
  const before = scene();
  before.notices.begin([]);
  before.notices.update([question("a")]);
  before.pass();
  const after = scene({ stored: before.memory.kept });
  after.notices.begin(["a"]);
  after.notices.update([question("a")]);
  after.pass();
  assert.deepEqual(after.made, []);
});

test("a memory that cannot be read tells once more", () => {
  const { notices, made, pass } = scene({ stored: "{" });
  notices.begin([]);
  notices.update([question("a")]);
  pass();
  assert.equal(made.length, 1);
});

test("a question before one's eyes is not told, then or later", () => {
  const seen = ["a"];
  const { notices, made, pass } = scene({ seen });
  notices.begin([]);
  notices.update([question("a")]);
  pass();
  seen.pop();
  notices.update([question("a")]);
  pass();
  assert.deepEqual(made, []);
});

test("a question for others is not told, nor to who may only watch", () => {
  const ada = { user: "ada", voter: "v1", role: "owner" };
  const others = scene({ identity: ada });
  others.notices.begin([]);
  others.notices.update([question("a", { approvers: ["linus"] })]);
  others.pass();
  assert.deepEqual(others.made, []);
  const watcher = scene({ identity: { role: "view" } });
  watcher.notices.begin([]);
  watcher.notices.update([question("a")]);
  watcher.pass();
  assert.deepEqual(watcher.made, []);
});

test("one's own vote ends the notification", () => {
  const ada = { user: "ada", voter: "v1", role: "owner" };
  const { notices, texts, pass } = scene({ identity: ada });
  notices.begin([]);
  notices.update([question("a", { need: 2 })]);
  pass();
  assert.equal(texts().length, 1);
  const votes = [{ voter: "v1", user: "ada", value: "yes" }];
  notices.update([question("a", { need: 2, votes })]);
  assert.deepEqual(texts(), []);
});

test("switched off, nothing is told, and what was told goes", () => {
  const { notices, texts, pass } = scene();
  notices.begin([]);
  notices.update([question("a")]);
  pass();
  notices.turn(false);
  assert.deepEqual(texts(), []);
  notices.update([question("a"), question("b")]);
  pass();
  notices.turn(true);
  notices.update([question("a"), question("b")]);
  pass();
  assert.deepEqual(texts(), []);
});

test("a notification marks what does not show, on one line", () => {
  const text = noticeOf(question("a", { message: "pay\u202e 10\n\neuro\u200b?", workflow: "w\u0000" }));
  assert.equal(text, "w[U+0000] asks: pay[U+202E] 10 euro[U+200B]?");
});

test("a notification is short, whole in its characters, and keeps the workflow", () => {
  const message = "\u{1f600}".repeat(200);
  const text = noticeOf(question("a", { message, workflow: "x".repeat(90) }));
  assert.ok(text.length <= 140);
  assert.match(text, /^x{39}… asks: (\u{1f600})+…$/u);
});
