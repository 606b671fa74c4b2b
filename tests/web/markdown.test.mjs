import assert from "node:assert/strict";
import test from "node:test";

import { blocks } from "../../kgnb/web/src/views/markdown.js";

const TEXT = `# Tides

The Moon *pulls*.
The Sun too.

- spring
- neap
  all week

1. first
2. second
\`\`\`python
a = 1

b = 2
\`\`\`
> quoted
after`;

test("blocks cut a text at headings, lists, fences and blank lines", () => {
  assert.deepEqual(blocks(TEXT), [
    "# Tides",
    "The Moon *pulls*.\nThe Sun too.",
    "- spring\n- neap\n  all week",
    "1. first\n2. second",
    "```python\na = 1\n\nb = 2\n```",
    "> quoted",
    "after",
  ]);
});

test("blocks of a growing text never change but for the last", () => {
  let before = [];
  for (let end = 1; end <= TEXT.length; end++) {
    const now = blocks(TEXT.slice(0, end));
    // The last may be cut in two when it turns out to be something else.
    assert.deepEqual(now.slice(0, Math.max(0, before.length - 1)), before.slice(0, -1));
    before = now;
  }
});
