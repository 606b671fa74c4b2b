"""Every entry of the table of ways: what works is clicked, what cannot says so.

``KGNB_MATRIX=full`` tries them on each kernel; without it on the oldest and the newest.
"""

import os
import re
from pathlib import Path

import cells
import pytest
import ways
from harness import Jupyter, NotebookPage, until

pytestmark = pytest.mark.browser

REPO = Path(__file__).parents[2]
OLDEST, NEWEST = "ipykernel-6.31", "ipykernel-7.4"
# Notebook 7.6 raises this at start, with kgnb or without.
UPSTREAM = "Cannot read properties of undefined (reading 'schema')"

SETUP = (
    cells.GATE
    + """
import asyncio, os

def is_released(case):
    return os.path.exists(f"{STEM}-{case}.go")
"""
)
COMM_ONLY = 'os.environ["KGNB_TRANSPORTS"] = "comm"'

# Limits, so that where no click comes through the cell ends and the click is heard.
RESULT = """
run = kgnb.run(gate, {}, panel=PANEL)
try:
    print("answer:", run.result(7).shared["answer"])
except TimeoutError:
    print("nobody answered")
"""
AWAIT = """
run = kgnb.run(gate, {}, panel=PANEL)
try:
    print("answer:", (await asyncio.wait_for(run, 7)).shared["answer"])
except TimeoutError:
    print("nobody answered")
"""
START = "run = kgnb.run(gate, {}, panel=PANEL)"
SLEEP = """
end = time.time() + 30
while time.time() < end and not is_released("sleep"):
    time.sleep(0.2)
"""
# It looks for the file seldom: a thread that gives up the GIL for an instant every
# millisecond starves all others, since none of them then waits the 5 ms after which
# CPython takes the GIL away.
LOOP = """
end, n = time.time() + 30, 0
while n % 2_000_000 or time.time() < end and not is_released("loop"):
    n += 1
"""
CASE_CELLS = {
    "idle": [START],
    "result": [RESULT],
    "await": [AWAIT],
    "sleep": [START, SLEEP],
    "loop": [START, LOOP],
}


def sentence(name, module="transports/deaf.js"):
    """An exported text of the JavaScript."""
    source = (REPO / "kgnb/web/src" / module).read_text("utf-8")
    found = re.search(rf"export const {name} =\s*((?:\"[^\"]*\"[\s+]*)+);", source)
    return "".join(re.findall(r'"([^"]*)"', found.group(1)))


class Trial:
    """One notebook of one kernel, in which every case is tried by one way."""

    def __init__(self, notebook, kernel, way):
        self.notebook, self.kernel, self.way = notebook, kernel, way

    @classmethod
    def prepare(cls, page, jupyter, kernel, way):
        stem = f"{way}-{kernel}".replace(" ", "-")
        panel = "widget" if way.startswith("widget") else None
        setup = f"STEM, PANEL = {stem!r}, {panel!r}\n" + SETUP
        if way.endswith("comm"):
            setup += COMM_ONLY
        sources = [setup, *(c for case in CASE_CELLS.values() for c in case)]
        jupyter.write(f"{stem}.ipynb", *sources, kernel=kernel)
        notebook = NotebookPage(page, jupyter, f"{stem}.ipynb").open()
        notebook.run(0)
        notebook.wait_done(0)
        return cls(notebook, kernel, way)

    def index(self, case):
        index = 1
        for name, sources in CASE_CELLS.items():
            if name == case:
                return index
            index += len(sources)
        raise KeyError(case)

    def start(self, case):
        """Run the case's cells; returns the cell with the panel and the busy one."""
        index, notebook = self.index(case), self.notebook
        notebook.run(index)
        if len(CASE_CELLS[case]) == 1:
            return index, index
        notebook.wait_done(index)
        self.button(index).wait_for()  # the question is there before the kernel is busy
        notebook.run(index + 1)
        until(lambda: notebook.is_busy(index + 1), what="the cell to run")
        return index, index + 1

    def release(self, case):
        stem = Path(self.notebook.name).stem
        (self.notebook.jupyter.work / f"{stem}-{case}.go").touch()

    def button(self, index, name="publish"):
        panel = self.notebook.panel(index)
        return panel.get_by_role("button", name=name, exact=True)

    def via(self, index):
        panel = self.notebook.panel(index)
        return panel.evaluate("panel => panel.kgnb.connection.via")

    def await_end(self, index, timeout=10):
        output = self.notebook.cell(index).locator(".jp-OutputArea").first
        until(
            lambda: "completed" in output.inner_text(),
            what="the panel to say completed",
            timeout=timeout,
        )


@pytest.fixture(scope="module")
def servers(start_jupyter, tmp_path_factory, kernel_folders):
    """Way to the server on which it is tried."""
    off = start_jupyter(extension=False, kernels=kernel_folders)
    bare = Jupyter(
        tmp_path_factory.mktemp("bare"), extension=False, kernels=kernel_folders
    )
    disable_lab_extension(bare)
    bare.start()
    yield {
        "server": start_jupyter(kernels=kernel_folders),
        "control": off,
        "comm": off,
        "widget control": bare,
        "widget comm": bare,
    }
    bare.stop()


def disable_lab_extension(jupyter):
    folder = jupyter.root / "config" / "labconfig"
    folder.mkdir(parents=True)
    (folder / "page_config.json").write_text('{"disabledExtensions": {"kgnb": true}}')


PAIRS = [
    pytest.param(
        (kernel, way),
        id=f"{way}-{kernel}",
        marks=[] if kernel == NEWEST else pytest.mark.matrix,
    )
    for way in ways.WAYS
    for kernel in ways.KERNELS
    if os.environ.get("KGNB_MATRIX") == "full" or kernel in {OLDEST, NEWEST}
]


@pytest.fixture(scope="module", params=PAIRS)
def trial(request, chromium, servers):
    kernel, way = request.param
    context = chromium.new_context(viewport={"width": 1100, "height": 1400})
    context.set_default_timeout(20_000)
    try:
        yield Trial.prepare(context.new_page(), servers[way], kernel, way)
    finally:
        context.close()


@pytest.mark.parametrize("case", ways.CASES)
def test_click(trial, case):
    try_case(trial, case)


@pytest.fixture(scope="module")
def notebook_7(start_jupyter, kernel_folders):
    return start_jupyter(app="notebook", extension=False, kernels=kernel_folders)


def test_click_in_notebook_7_by_the_control_channel(notebook_7, context):
    trial = Trial.prepare(context.new_page(), notebook_7, NEWEST, "control")
    for case in ways.CASES:
        try_case(trial, case)


def test_run_without_our_lab_extension_shows_its_widget(servers, open_notebook):
    jupyter = servers["widget control"]
    notebook = open_notebook(jupyter, "bare.ipynb", cells.GATE, cells.BLOCKED_IN_RESULT)
    notebook.run(0)
    notebook.run(1)
    notebook.panel(1).get_by_role("button", name="publish", exact=True).click()
    notebook.wait_done(1)
    assert "answer: publish" in notebook.output(1)
    assert notebook.page.locator("#kgnb-runs").count() == 0
    assert notebook.errors == []


def test_panel_without_any_way_says_so(servers, open_notebook):
    notebook = open_notebook(
        servers["control"],
        "no-way.ipynb",
        'import os\nos.environ["KGNB_TRANSPORTS"] = "websocket"\n' + cells.GATE,
        cells.RUN,
        'run.answer(run.approvals[0].approval_id, "publish")\n' + cells.SHOW_ANSWER,
    )
    notebook.run(0)
    notebook.run(1)
    notebook.panel(1).get_by_text(sentence("NO_WAY", "route.js")).wait_for()
    assert notebook.panel(1).get_by_role("button", name="publish").count() == 0
    notebook.screenshot("ways-none")
    notebook.run(2)  # what the sentence says to do
    notebook.wait_done(2)
    assert "answer: publish" in notebook.output(2)
    assert notebook.errors == []


def try_case(trial, case):
    shown, busy = trial.start(case)
    expected = ways.TABLE[case, trial.kernel, trial.way]
    try:
        if expected == ways.WORKS:
            click_works(trial, case, shown, busy)
        elif shown == busy:
            panel_is_deaf(trial, case, shown)
        else:
            click_waits(trial, case, shown, busy)
    finally:
        trial.release(case)
    if busy != shown:
        trial.notebook.wait_done(busy)
    assert [error for error in trial.notebook.errors if error != UPSTREAM] == []


def click_works(trial, case, shown, busy):
    button = trial.button(shown)
    button.wait_for(timeout=5000)
    assert trial.via(shown) == trial.way.split()[-1].replace("server", "websocket")
    button.click()
    trial.await_end(shown, timeout=4)
    if case in ("result", "await"):
        trial.notebook.wait_done(busy, timeout=4)
        assert "answer: publish" in trial.notebook.output(shown)
    elif case != "idle":
        assert trial.notebook.is_busy(busy), "answered only when the cell had ended"


def panel_is_deaf(trial, case, shown):
    """The run is shown from the cell's end on; until then the panel says so."""
    notebook = trial.notebook
    panel = notebook.panel(shown)
    panel.get_by_text(sentence("KERNEL_DEAF")).wait_for(timeout=5000)
    assert notebook.is_busy(shown)
    notebook.screenshot(f"ways-{trial.way}-{trial.kernel}-{case}")
    notebook.wait_done(shown)
    assert "nobody answered" in notebook.output(shown)
    trial.button(shown).click()
    trial.await_end(shown)


def click_waits(trial, case, shown, busy):
    """The click is held; until the cell's end the panel says so."""
    notebook = trial.notebook
    trial.button(shown).click()
    panel = notebook.panel(shown)
    panel.get_by_text(sentence("KERNEL_BUSY")).wait_for(timeout=5000)
    assert notebook.is_busy(busy)
    notebook.screenshot(f"ways-{trial.way}-{trial.kernel}-{case}")
    trial.release(case)
    trial.await_end(shown)
