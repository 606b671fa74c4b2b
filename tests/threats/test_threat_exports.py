"""What leaves the notebook as a page of its own, drawn by Chromium, with a request log.

Exports by nbconvert (as CVE-2026-44727 hit), reports, and the record's HTML that any
viewer of notebooks may show.
"""

import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

from kgnb.panel.bundle import final_bundle
from kgnb.panel.report import page_html
from kgnb.protocol import RunView, decode_event, fold

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

import scenes
from hostile import MARKDOWN, MARKUP

TEXTS = [*MARKUP, *MARKDOWN]


def events():
    """A run in which every text was said, logged, asked, kept and given as a name."""
    nodes = [{"id": n, "label": n, "kind": "node", "path": []} for n in TEXTS]
    graph = {"name": TEXTS[0], "start": TEXTS[0], "nodes": nodes, "edges": []}
    yield {"type": "workflow_started", "graph": graph, "params": {TEXTS[0]: TEXTS[1]}}
    for index, text in enumerate(TEXTS):
        yield scenes.update(text, 1, "running", message=text)
        yield from scenes.tokens(text, 1, text)
        yield scenes.log(text, text)
        yield scenes.ask(f"a{index}", text, message=text, payload=text, options=[text])
        yield {"type": "result", "node_id": text, "data": {text: text}}
    problem = {"code": "internal", "message": TEXTS[0], "node_id": TEXTS[0]}
    yield {"type": "workflow_failed", "error": problem}


@pytest.fixture(scope="module")
def view():
    folded = RunView()
    for seq, event in enumerate(events(), 1):
        told = {"run_id": "r1", "workflow": TEXTS[0], "seq": seq, **event}
        fold(folded, decode_event(json.dumps(told).encode()))
    return folded


def exported(view):
    data, metadata = final_bundle(view)
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    cell = nbformat.v4.new_code_cell("run", outputs=[output])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    return page


def record(view):
    return final_bundle(view)[0]["text/html"]


PAGES = {
    "exported by nbconvert": (exported, ".kgnb-record"),
    "report": (page_html, "main"),
    "record": (record, ".kgnb-record"),
}
"""How each is made, and what in it is ours."""


@pytest.mark.parametrize("kind", PAGES)
def test_hostile_texts_in_a_page_run_nothing_and_ask_nobody(
    chromium, view, tmp_path, kind
):
    made, ours = PAGES[kind]
    path = tmp_path / "page.html"
    path.write_text(made(view), encoding="utf-8")
    asked, said = [], []
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    context.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
    page.goto(path.as_uri(), wait_until="domcontentloaded")
    # nbconvert's template names hosts of its own.
    assert [url for url in asked if "evil" in url] == []
    assert page.evaluate("() => window.pwned") is None
    assert said == []
    assert page.url == path.as_uri()
    assert page.locator(ours).text_content().count("evil.invalid") > len(MARKDOWN)
    context.close()
