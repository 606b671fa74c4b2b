import subprocess
import sys
import threading

import ipywidgets
import msgspec
import pytest

from kgnb.panel.widget import Panel
from kgnb.protocol.live_view import ProgressView, StreamView
from kgnb.protocol.visit_view import NodeView


@pytest.fixture
def panel_of():
    made = []

    def make(run):
        made.append(Panel(run))
        return made[-1]

    yield make
    for panel in made:
        panel.close()
        assert panel._pump.join(5)


@pytest.fixture
def panel(panel_of, begun_run):
    return panel_of(begun_run)


def waits_for(panel, name, wanted):
    """Wait until a trait has a value; observers run on the panel's thread."""
    seen = threading.Event()

    def look(_change=None):
        if wanted(getattr(panel, name)):
            seen.set()

    panel.observe(look, name)
    look()
    return seen.wait(5)


def test_import_kgnb_and_the_display_load_no_widget():
    code = (
        "import sys, kgnb, kgnb.panel.display;"
        "sys.exit(any(m in sys.modules for m in ('ipywidgets', 'anywidget')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_panel_of_a_begun_run_holds_its_live_bundle(panel, begun_run):
    assert panel._bundle["final"] is False
    assert panel._bundle["graph"]["svg"].startswith("<svg")
    assert panel._metadata["run_id"] == begun_run.id
    assert panel.status == "running"


def test_panel_repr_is_the_same_in_every_execution(panel):
    assert repr(panel) == "Panel('article')"


def test_panel_fits_into_other_widgets(panel):
    box = ipywidgets.VBox([ipywidgets.IntSlider(), panel])
    tab = ipywidgets.Tab([box])
    assert panel in tab.children[0].children
    for widget in (*box.children[:1], box, tab):
        widget.close()


def test_panel_view_bundle_is_what_a_front_end_draws(panel):
    bundle = panel.view_bundle()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_panel_follows_the_events_of_its_run(panel, begun_run, samples):
    view = begun_run.view
    view.nodes["Draft"] = NodeView(
        status="running", progress=ProgressView(percent=40.0)
    )
    view.streams.append(
        msgspec.convert(samples.stream("Draft:1.1/1", "Tides"), StreamView)
    )
    view.status = "waiting"
    begun_run.change()
    assert waits_for(panel, "status", lambda status: status == "waiting")
    assert panel.progress == 40.0
    assert panel.text == "Tides"


def test_panel_lists_open_approvals_only(panel, begun_run, samples):
    asked = samples.approval("Review:1", None, state="open", message="Now?")
    view = samples.article_view(
        status="waiting", approvals=[asked, samples.approval("Review:2", "publish")]
    )
    begun_run.view = view
    begun_run.change()
    assert waits_for(panel, "approvals", bool)
    assert [each["message"] for each in panel.approvals] == ["Now?"]
    assert "by" not in panel.approvals[0]


def test_panel_at_the_end_holds_the_record_and_lets_the_run_go(
    panel, begun_run, samples
):
    panel._on_message(panel, {"kgnb": {"client": "a", "frames": []}}, [])
    begun_run.view = samples.article_view()
    begun_run.change()
    assert panel._pump.join(5)
    assert panel.status == "completed"
    assert panel.progress == 100.0
    assert panel._bundle["final"] is True
    assert panel._metadata["answered_by"]["0"]["user"] == "ada"
    assert begun_run.listeners == []
    assert not begun_run.channels[0].is_open


def test_panel_of_an_ended_run_is_the_record_from_the_start(panel_of, samples):
    run = samples.FakeRun(samples.article_view())
    panel = panel_of(run)
    assert panel._bundle["final"] is True
    assert panel.status == "completed"
    assert panel.text == "Tides come from the Moon and the Sun."
    assert run.listeners == []


def test_panel_change_before_it_listens_is_not_missed(panel_of, begun_run, samples):
    register = begun_run.on_change

    def late(listener):
        begun_run.view = samples.article_view()
        return register(listener)

    begun_run.on_change = late
    assert waits_for(
        panel_of(begun_run), "status", lambda status: status == "completed"
    )


def test_panel_relays_frames_both_ways_joined(panel, begun_run, monkeypatch):
    sent, arrived = [], threading.Event()

    def send(content, buffers=None):
        sent.append(content)
        if sum(len(each["kgnb"]["frames"]) for each in sent) == 100:
            arrived.set()

    monkeypatch.setattr(panel, "send", send)
    # As ipywidgets does when a custom message comes over the comm.
    panel._handle_custom_msg(
        {"kgnb": {"client": "a", "frames": [{"type": "subscribe"}]}}, []
    )
    assert begun_run.opened.wait(5)
    assert begun_run.channels[0].sent == [{"type": "subscribe"}]
    for seq in range(100):
        begun_run.channels[0].receive([{"seq": seq}])
    assert arrived.wait(5)
    assert len(sent) < 20
    frames = [frame["seq"] for each in sent for frame in each["kgnb"]["frames"]]
    assert frames == list(range(100))


def test_panel_closed_stops_listening_and_leaves_the_run_alone(panel, begun_run):
    panel.close()
    panel.close()
    assert begun_run.listeners == []
    assert begun_run.view.status == "running"
