"""A report in Chromium: from a file, offline, with and without JavaScript."""

import json
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from kgnb.panel.report import page_html
from kgnb.protocol import RunView, decode_event, fold

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

import scenes_durable

TWICE = "\N{MULTIPLICATION SIGN}2"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    view = RunView()
    for seq, event in enumerate(scenes_durable.finished(), 1):
        told = {"run_id": "r1", "workflow": "article", "seq": seq, **event}
        fold(view, decode_event(json.dumps(told).encode()))
    path = tmp_path_factory.mktemp("report") / "article.html"
    path.write_text(page_html(view), encoding="utf-8")
    return path


@pytest.fixture(params=[True, False], ids=["with scripts", "without"])
def tab(chromium, request):
    context = chromium.new_context(
        java_script_enabled=request.param, offline=True, color_scheme="dark"
    )
    yield context.new_page()
    context.close()


def shown(tab, node):
    texts = tab.locator(f"[data-node={node}] > text:not(.kgnb-label):visible")
    return " ".join(filter(None, texts.all_text_contents()))


def test_report_opens_offline_asks_nobody_and_its_line_leads_back(tab, report):
    asked, said = [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(report.as_uri())
    tab.get_by_role("radio", name="Step 25 of 25").focus()
    assert shown(tab, "Review") == f"✓ completed {TWICE}"
    for _ in range(17):
        tab.keyboard.press("ArrowLeft")
    assert shown(tab, "Review") == "● running"
    assert shown(tab, "Publish") == "idle"
    assert shown(tab, "Draft") == "✓ completed"
    tab.keyboard.press("ArrowRight")
    assert shown(tab, "Review") == "◔ waiting"
    tab.get_by_role("radio", name="Step 25 of 25").check(force=True)
    assert shown(tab, "Publish") == "✓ completed"
    assert (asked, said) == ([report.as_uri()], [])


def test_report_is_accessible_and_fits_a_phone(chromium, report):
    for scheme in ("light", "dark"):
        context = chromium.new_context(
            color_scheme=scheme,
            viewport={"width": 360, "height": 740},
            bypass_csp=True,  # axe is a script
        )
        page = context.new_page()
        page.goto(report.as_uri())
        found = Axe().run(page).response["violations"]
        assert not found, json.dumps(found, indent=1)[:4000]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        context.close()
