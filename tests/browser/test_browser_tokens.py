"""Thousands of tokens: what is painted is always a beginning of the true text."""

import hashlib
import json
import re
from datetime import datetime

import pytest
from harness import until

pytestmark = pytest.mark.browser

COUNT = 5000
MOST_FRAMES = 30
"""A second, of one run."""

SETUP = f"""
import asyncio, hashlib, time, kgnb

async def tokens(pause):
    began = time.monotonic()
    for number in range({COUNT}):
        ahead = began + number * pause - time.monotonic() if pause else 0
        if ahead > 0:
            await asyncio.sleep(ahead)
        yield f" t{{number:04d}}"

class Say(kgnb.AsyncNode):
    def __init__(self, pause):
        super().__init__()
        self.pause = pause

    async def exec_async(self, _):
        return await kgnb.stream(tokens(self.pause))

def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()
"""

RUN = """
run = kgnb.run(kgnb.Graph(Say({pause}), name="say"), {{}})
await run
[stream] = run.view.streams
print("log:", len(stream.text), digest(stream.text))
"""

# Notes every text of the stream as it stands after a change and when a frame begins:
# all that was ever painted is among them.
WATCH = """
() => {
    window.painted = [""];
    const note = () => {
        const box = document.querySelector(".kgnb-panel .kgnb-stream-text");
        const text = box?.textContent ?? "";
        if (text !== painted.at(-1)) painted.push(text);
    };
    const options = { subtree: true, childList: true, characterData: true };
    new MutationObserver(note).observe(document.body, options);
    const frame = () => { note(); requestAnimationFrame(frame); };
    frame();
}
"""
NOT_PREFIXES = "whole => painted.filter(text => !whole.startsWith(text)).length"


class Frames:
    """The token frames that a page received from the server extension."""

    def __init__(self, page):
        self.tokens = []
        page.on("websocket", self._socket)

    def _socket(self, socket):
        if "/kgnb/ws" in socket.url:
            socket.on("framereceived", self._receive)

    def _receive(self, payload):
        frame = json.loads(payload)
        if frame["type"] == "token":
            self.tokens.append(frame)

    def most_in_a_second(self):
        """Of the frames sent; one is stamped with its first token.

        While text flows, a frame is sent when the next one begins, whose stamp is
        therefore the better measure.
        """
        stamps = [datetime.fromisoformat(frame["timestamp"]) for frame in self.tokens]
        sent = [stamp.timestamp() for stamp in stamps[1:]]
        # Stamps are cut to milliseconds, so a second may seem shorter by two.
        seconds = (sum(0 <= other - one < 0.998 for other in sent) for one in sent)
        return max(seconds, default=0)


@pytest.mark.parametrize(
    ("pause", "paints"),
    [pytest.param(0, 1, id="flat-out"), pytest.param(0.002, 20, id="500-a-second")],
)
def test_every_painted_text_begins_the_true_text(
    lab, context, open_notebook, pause, paints
):
    name = f"tokens-{pause}.ipynb"
    frames = []
    context.on("page", lambda page: frames.append(Frames(page)))
    notebook = open_notebook(lab, name, SETUP, RUN.format(pause=pause))
    notebook.run(0)
    notebook.wait_done(0)
    notebook.js(WATCH)
    notebook.run(1)
    notebook.wait_done(1)
    whole = "".join(f" t{number:04d}" for number in range(COUNT))
    length, digest = re.search(r"log: (\d+) (\w+)", notebook.output(1)).groups()
    assert int(length) == len(whole)
    assert digest == hashlib.sha256(whole.encode()).hexdigest()
    until(
        lambda: notebook.js("whole => painted.at(-1) === whole", whole),
        what="the panel to show the whole text",
        timeout=10,
    )
    assert notebook.js(NOT_PREFIXES, whole) == 0
    assert notebook.js("() => new Set(painted).size") >= paints
    assert "".join(frame["data"] for frame in frames[0].tokens) == whole
    assert frames[0].most_in_a_second() <= MOST_FRAMES
    assert notebook.errors == []
