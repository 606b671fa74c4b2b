"""5,000 tokens to the screen of a real JupyterLab: kgnb's panel, and what people write.

Beside it: ``ipywidgets.HTML`` whose value grows by ``+=``, ``update_display`` with the
text so far, a print into an ``Output`` widget, and a message of an anywidget for each
token, which appends it to its text.

Bytes are those of every WebSocket frame that the page received. Seconds run from
the first token made until a frame of the page begins with the last one in it; kernel
and browser are on one machine and both read its system clock.

    python -m benchmarks.tokens [--short]
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "browser"))

from harness import CHROMIUM_ARGS, Jupyter, NotebookPage, until
from playwright.sync_api import Browser, sync_playwright

from benchmarks.results import Line, print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 5000
SETTLING = 15.0
"""Seconds in which the last token may still come when all were made."""

SETUP = """
import asyncio, pathlib, time, kgnb
from IPython.display import display
import ipywidgets

first = None

def told():
    # By a file: an overrun notebook loses messages, that of the cell's end as well.
    pathlib.Path("first.tmp").write_text(str(first))
    pathlib.Path("first.tmp").rename("first.txt")

async def tokens(pause):
    global first
    first = time.time()
    began = time.perf_counter()
    for number in range({count}):
        if pause:
            ahead = began + number * pause - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
        yield f" t{{number:04d}}"
"""

KGNB = """
class Say(kgnb.AsyncNode):
    async def exec_async(self, _):
        return await kgnb.stream(tokens({pause}))

run = kgnb.run(kgnb.Graph(Say(), name="say"), {{}})
await run
told()
"""

HTML = """
area = ipywidgets.HTML()
display(area)
async for token in tokens({pause}):
    area.value += token
told()
"""

UPDATE = """
from IPython.display import HTML
text, shown = "", display(HTML(""), display_id=True)
async for token in tokens({pause}):
    text += token
    shown.update(HTML(text))
told()
"""

OUTPUT = """
area = ipywidgets.Output()
display(area)
async for token in tokens({pause}):
    with area:
        print(token, end="")
told()
"""

MESSAGES = """
import anywidget

class Text(anywidget.AnyWidget):
    _esm = "export default {{ render: ({{ model, el }}) =>" \\
        " model.on('msg:custom', token => {{ el.append(token); }}) }}"

area = Text()
display(area)
await asyncio.sleep(2)  # until it listens: what is sent before is lost
async for token in tokens({pause}):
    area.send(token)
told()
"""

WAYS = {
    "kgnb": KGNB,
    "ipywidgets.HTML +=": HTML,
    "update_display": UPDATE,
    "Output widget": OUTPUT,
    "anywidget, a message each": MESSAGES,
}
PACES = {"flat out": 0, "500 a second": 0.002}
TARGETS = {"seconds": 1 / 20, "megabytes": 1 / 300}
"""Of ``ipywidgets.HTML +=``."""

# Notes when the last token is first in the cell's output, and how often what is shown
# of the text grew. It reads no layout, which would cost the longer texts more.
WATCH = """
() => {
    window.seen = { last: null, paints: 0 };
    let length = 0;
    const look = () => {
        const text = document.querySelectorAll('.jp-OutputArea')[1]?.textContent ?? '';
        if (text.length !== length) seen.paints += 1;
        length = text.length;
        if (seen.last === null && text.includes('t4999')) seen.last = Date.now();
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}
"""
TOKENS_SHOWN = """
() => {
    const text = document.querySelectorAll('.jp-OutputArea')[1].textContent;
    return new Set(text.match(/t[0-9]{4}/g) ?? []).size;
}
"""


@dataclass
class Measured:
    """One way of showing the tokens, once."""

    seconds: float | None
    """From the first token made to the last one shown; None where it never was."""
    megabytes: float
    frames: int
    tokens: int
    """Distinct tokens shown when all was quiet."""
    paints: int


def measure(browser: Browser, jupyter: Jupyter, source: str) -> Measured:
    """Show the tokens in one new notebook."""
    page = browser.new_page()
    received: list[int] = []

    def count(payload: bytes | str) -> None:
        received.append(len(payload))

    page.on("websocket", lambda ws: ws.on("framereceived", count))
    name = f"tokens-{time.monotonic_ns()}.ipynb"
    jupyter.write(name, SETUP.format(count=COUNT), source)
    notebook = NotebookPage(page, jupyter, name).open()
    notebook.run(0)
    notebook.wait_done(0)
    notebook.js(WATCH)
    received.clear()
    told = jupyter.work / "first.txt"
    notebook.run(1)
    until(told.exists, what="the kernel to have made all tokens", timeout=120)
    first = float(told.read_text())
    told.unlink()
    settled = time.monotonic() + SETTLING
    while time.monotonic() < settled and notebook.js("() => seen.last") is None:
        page.wait_for_timeout(50)
    page.wait_for_timeout(1000)
    seen, shown = notebook.js("() => seen"), notebook.js(TOKENS_SHOWN)
    page.close()
    return Measured(
        seconds=seen["last"] / 1000 - first if seen["last"] else None,
        megabytes=sum(received) / 1e6,
        frames=len(received),
        tokens=shown,
        paints=seen["paints"],
    )


def shown(
    ways: dict[str, str], paces: dict[str, float]
) -> Iterator[tuple[str, dict[str, Measured]]]:
    """What each way came to, by the pace."""
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        jupyter = Jupyter(root).start()
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS
        )
        try:
            for pace, pause in paces.items():
                yield (
                    pace,
                    {
                        way: measure(browser, jupyter, source.format(pause=pause))
                        for way, source in ways.items()
                    },
                )
        finally:
            browser.close()
            jupyter.stop()


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``; what is never shown whole has no seconds.

    Raises:
        RuntimeError: kgnb lost tokens.
    """
    ways, paces = WAYS, PACES
    if is_short:
        ways = {name: WAYS[name] for name in list(WAYS)[:2]}
        paces = {"flat out": 0}
    for pace, found in shown(ways, paces):
        ours = found.pop("kgnb")
        if ours.tokens != COUNT or ours.seconds is None:
            msg = f"kgnb showed {ours.tokens} of {COUNT} tokens"
            raise RuntimeError(msg)
        for name, theirs in found.items():
            what = f"{COUNT:,} tokens, {pace}"
            is_aim = name == "ipywidgets.HTML +=" and pace == "flat out"
            aims = TARGETS if is_aim else {}
            peer = (
                name if theirs.tokens == COUNT else f"{name}: showed {theirs.tokens:,}"
            )
            yield Line(
                f"{what}: until all are seen",
                "s",
                ours.seconds,
                peer,
                theirs.seconds,
                target_ratio=aims.get("seconds"),
            )
            yield Line(
                f"{what}: received",
                "MB",
                ours.megabytes,
                peer,
                theirs.megabytes,
                target_ratio=aims.get("megabytes"),
            )
            yield Line(f"{what}: frames", "", ours.frames, peer, theirs.frames)


if __name__ == "__main__":
    print_lines(lines)
