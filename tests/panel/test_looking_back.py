"""The steps of a report: what they say, and what their style sheet shows."""

import json
import re
import sys
from pathlib import Path

import pytest

from kgnb.panel.report import page_html
from kgnb.protocol import RunView, decode_event, fold

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

import scenes_durable


def view_of(events):
    view = RunView()
    for seq, event in enumerate(events, 1):
        told = {"run_id": "r1", "workflow": "article", "seq": seq, **event}
        fold(view, decode_event(json.dumps(told).encode()))
    return view


@pytest.fixture
def page():
    return page_html(view_of(scenes_durable.finished()))


def test_report_has_a_radio_button_for_each_step_and_stands_at_the_last(page):
    inputs = re.findall(r"<input type=\"radio\"[^>]*>", page)
    assert len(inputs) == 25
    assert [" checked" in each for each in inputs] == [False] * 24 + [True]
    assert "Step 8 of 25: Review started, 5.8 s" in page
    assert "Step 11 of 25: Review completed → revise, 18.5 s" in page
    assert "Step 18 of 25: the kernel was lost, 31.0 s" in page


def test_report_has_still_no_script_and_loads_nothing(page):
    assert not re.search(r"<script|<link|<img|url\(|https?://(?!www\.w3\.org)", page)


def test_report_of_a_run_with_nothing_to_look_back_at_has_no_steps():
    page = page_html(view_of(scenes_durable.revised()[:2]))
    assert "<fieldset" not in page


def test_report_of_a_long_run_keeps_the_latest_steps():
    view = view_of(scenes_durable.finished())
    view.timeline *= 100
    page = page_html(view)
    assert page.count('type="radio"') == 200
    assert len(page) < 400_000


def test_report_names_hostile_actions_and_nodes_as_text():
    events = scenes_durable.revised()
    text = json.dumps(events).replace("revise", "<b onclick=x>")
    page = page_html(view_of(json.loads(text)))
    assert "<b onclick" not in page
    assert "&lt;b onclick" in page
