"""5,000 tokens to the screen of a real JupyterLab: kgnb's panel and ipywidgets.HTML.

Bytes are those of every WebSocket frame that the page received. Seconds run from
the first token made until a frame of the page begins with the last one in it; kernel
and browser are on one machine and both read its system clock.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "browser"))

from harness import CHROMIUM_ARGS, Jupyter, NotebookPage, until
from playwright.sync_api import Browser, sync_playwright

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


def main() -> None:
    """Print one row a way and pace, and the ratios."""
    rows: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        jupyter = Jupyter(root).start()
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS
        )
        try:
            for pace, pause in (("flat out", 0), ("500/s", 0.002)):
                for way, source in (("kgnb", KGNB), ("ipywidgets.HTML", HTML)):
                    rows[f"{way}, {pace}"] = measure(
                        browser, jupyter, source.format(pause=pause)
                    )
        finally:
            browser.close()
            jupyter.stop()
    print("| way | seconds | MB | frames | tokens shown | paints |")
    print("|---|---|---|---|---|---|")
    for name, row in rows.items():
        shown = "never" if row.seconds is None else f"{row.seconds:.2f}"
        print(
            f"| {name} | {shown} | {row.megabytes:.2f} | {row.frames} "
            f"| {row.tokens} | {row.paints} |"
        )
    ratios = {
        pace: rows[f"ipywidgets.HTML, {pace}"].megabytes
        / rows[f"kgnb, {pace}"].megabytes
        for pace in ("flat out", "500/s")
    }
    print(json.dumps({"bytes, HTML / kgnb": ratios}))


if __name__ == "__main__":
    main()
