"""From a click in a real JupyterLab until the code that waited for it goes on.

A run asks ``CLICKS`` times, and each question is answered by a mouse click in the
panel, while the kernel is asleep in a cell, while a cell keeps it busy, and while it is
free. Beside it, where they work at all: a button of ipywidgets while the kernel is free
(in a cell that blocks its clicks wait for the cell's end), and in a cell that polls for
them by jupyter-ui-poll every 10 ms (1.1 hears none on ipykernel 7.4). The clock starts
when the page gets the click; kernel and browser are on one machine and read one system
clock.

    python -m benchmarks.clicks [--short]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "browser"))

from harness import CHROMIUM_ARGS, Jupyter, NotebookPage, until
from playwright.sync_api import sync_playwright

from benchmarks.results import Line, print_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

CLICKS, SHORT_CLICKS = 50, 15
PATIENCE = 20.0
"""Seconds in which the last click may still be heard."""

SETUP = """
import json, pathlib, time
import ipywidgets, kgnb
from jupyter_ui_poll import ui_events
from IPython.display import display

COUNT, heard = {count}, []

def note():
    heard.append(time.time())
    if len(heard) == COUNT:
        pathlib.Path("heard.tmp").write_text(json.dumps(heard))
        pathlib.Path("heard.tmp").rename("heard.json")

class Ask(kgnb.Node):
    def exec(self, _):
        kgnb.ask(f"Go on after {{len(heard)}}?", options=["go"]).result()
        note()

    def post(self, shared, prep_res, exec_res):
        return "again" if len(heard) < COUNT else "done"

asking = Ask()
asking - "again" >> asking
asking - "done" >> kgnb.Node()
graph = kgnb.Graph(asking, name="asking")
button = ipywidgets.Button(description="go")
button.on_click(lambda _: note())
"""
RUN = "run = kgnb.run(graph, {})"
ASLEEP = "while len(heard) < COUNT:\n    time.sleep(0.25)"
BUSY = "n = 0\nwhile len(heard) < COUNT:\n    n += 1"
BUTTON = "display(button)"
POLLING = """
display(button)
with ui_events() as poll:
    while len(heard) < COUNT:
        poll(10)
        time.sleep(0.01)
"""
KGNB = {"asleep": (RUN, ASLEEP), "busy": (RUN, BUSY), "free": (RUN,)}
BUTTONS = {"free": (BUTTON,), "polling": (POLLING,)}

LISTEN = """
() => {
    window.clicked = [];
    const note = () => window.clicked.push(performance.timeOrigin + performance.now());
    document.addEventListener("click", note, true);
}
"""


def measure(
    browser: Browser, jupyter: Jupyter, sources: tuple[str, ...], clicks: int
) -> list[float]:
    """Milliseconds of each click, sorted, or none if the code that waits heard none.

    The first cell shows the button.
    """
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    name = f"clicks-{len(list(jupyter.work.glob('*.ipynb')))}.ipynb"
    jupyter.write(name, SETUP.format(count=clicks), *sources)
    notebook = NotebookPage(page, jupyter, name).open()
    notebook.run(0)
    notebook.wait_done(0)
    notebook.run(1)
    button = notebook.cell(1).get_by_role("button", name="go", exact=True)
    button.wait_for()
    if len(sources) > 1:
        notebook.wait_done(1)
        notebook.run(2)
        until(lambda: notebook.is_busy(2), what="the cell to run")
    notebook.js(LISTEN)
    cards = notebook.cell(1).locator("[data-approval]")
    for number in range(clicks):
        if sources[0] == RUN:
            card = cards.filter(has_text=f"Go on after {number}?")
            button = card.get_by_role("button", name="go", exact=True)
        button.click()
        page.wait_for_timeout(20)
    told = jupyter.work / "heard.json"
    end = time.monotonic() + PATIENCE
    while not told.exists():
        if time.monotonic() > end:
            page.close()
            return []
        page.wait_for_timeout(50)
    heard = json.loads(told.read_text())
    told.unlink()
    clicked = notebook.js("() => clicked")
    page.close()
    if len(heard) != len(clicked):
        msg = f"{len(clicked)} clicks, of which {len(heard)} were heard"
        raise RuntimeError(msg)
    return sorted(h * 1000 - c for h, c in zip(heard, clicked, strict=True))


def quantile(found: list[float], share: float) -> float:
    """Of a sorted list."""
    return found[min(len(found) - 1, int(share * len(found)))]


def measured(clicks: int) -> dict[str, list[float]]:
    """By way: "kgnb, asleep" and so on."""
    ways = {f"kgnb, {when}": cells for when, cells in KGNB.items()}
    ways |= {f"button, {when}": cells for when, cells in BUTTONS.items()}
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        jupyter = Jupyter(root).start()
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=CHROMIUM_ARGS
        )
        try:
            return {
                way: measure(browser, jupyter, cells, clicks)
                for way, cells in ways.items()
            }
        finally:
            browser.close()
            jupyter.stop()


def lines(*, is_short: bool) -> Iterator[Line]:
    """See ``benchmarks.results``."""
    waits = measured(SHORT_CLICKS if is_short else CLICKS)
    beside = {
        "asleep": ("a button polled for by jupyter-ui-poll", "polling"),
        "busy": ("a button polled for by jupyter-ui-poll", "polling"),
        "free": ("a button of ipywidgets", "free"),
    }
    targets = {"asleep": 10.0, "busy": 30.0}
    for share in (0.5, 0.95):
        for when, (peer, theirs) in beside.items():
            heard = waits[f"button, {theirs}"]
            yield Line(
                f"click to node, kernel {when}, p{share * 100:.0f}",
                "ms",
                quantile(waits[f"kgnb, {when}"], share),
                peer if heard else f"{peer}: never heard",
                quantile(heard, share) if heard else None,
                target=targets.get(when) if share == 0.5 else None,
            )


if __name__ == "__main__":
    print_lines(lines)
