"""``kgnb report``: of a recording, of a log, of a server, in each form."""

import json
import sys
import threading
from xml.etree import ElementTree as ET

import pytest

import kgnb
from kgnb import cli
from kgnb.panel.display import RunDisplay
from kgnb.runtime import home, hooks, shutdown


class Draft(kgnb.Node):
    def exec(self, _):
        print("drafting")
        return kgnb.ask("Publish?", options=["publish", "revise"]).result()

    def post(self, shared, _, answer):
        shared["verdict"] = answer.value
        shared["api_key"] = "hunter22"


@pytest.fixture(scope="module", autouse=True)
def recorded(tmp_path_factory):
    """A run's recording, and its result; its log stays while there are tests."""
    before = hooks.display()
    hooks.install(RunDisplay())  # other tests take it away
    path = tmp_path_factory.mktemp("report") / "article.jsonl"
    graph = kgnb.Graph(Draft(), name="article")
    run = kgnb.run(graph, {}, answers=["publish"], record=path, panel=False)
    yield path, run.result(20)
    shutdown()
    hooks.install(before)


def test_report_of_a_recording_is_a_page_beside_where_one_stands(
    recorded, tmp_path, monkeypatch, capsys
):
    path, _ = recorded
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", str(path)]) == 0
    assert capsys.readouterr().out.startswith("wrote article.html (")
    page = (tmp_path / "article.html").read_text()
    assert "Decided by a script" in page
    assert "What nodes share is not recorded." in page


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("a.svg", b"<svg class="),
        ("a.png", b"\x89PNG\r\n"),
        ("a.mmd", b"flowchart LR\n"),
        ("a.jsonl", b'{"format":"kgnb-recording"'),
    ],
)
def test_report_takes_the_form_from_the_name(recorded, tmp_path, name, begins):
    target = tmp_path / name
    assert cli.main(["report", str(recorded[0]), "-o", str(target)]) == 0
    assert target.read_bytes().startswith(begins)


def test_report_is_printed_on_demand(recorded, capfdbinary):
    arguments = ["report", str(recorded[0]), "--format", "svg", "-o", "-"]
    assert cli.main(arguments) == 0
    ET.fromstring(capfdbinary.readouterr().out)


def test_trace_replays_to_the_events_of_the_recording_but_for_times(recorded, tmp_path):
    path, result = recorded
    trace = result.to_jsonl(tmp_path / "trace.jsonl")
    assert bare(trace) == bare(path)
    assert trace.stat().st_mode & 0o777 == 0o600
    again = kgnb.replay(trace, speed=0, panel=False).result(20)
    assert [a.value for a in again.approvals] == ["publish"]
    assert bare(again.to_jsonl(tmp_path / "again.jsonl")) == bare(path)


def bare(path):
    """A trace's events without what differs between two shows of a run."""
    found = []
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if "run_id" not in event:
            continue
        for name in ("run_id", "workflow_id", "timestamp", "seq"):
            event.pop(name, None)
        data = event.get("data")
        if isinstance(data, dict) and "approval_id" in data:
            del data["approval_id"]
            data.get("by", {}).pop("at", None)
        found.append(event)
    assert len(found) > 5
    return found


def test_result_writes_pictures_with_states(recorded, tmp_path):
    _, result = recorded
    assert "✓ completed" in result.to_svg(tmp_path / "a.svg")
    assert 'n0["Draft<br/>#10003; completed"]' in result.to_mermaid("TB")
    small = result.to_png(tmp_path / "a.png", scale=1).stat().st_size
    assert small < result.to_png(tmp_path / "b.png", scale=4).stat().st_size


class Broken(kgnb.Node):
    def exec(self, _):
        error = ValueError("no such page <b>")
        error.add_note("try page 7; token=abc TOKEN=abcdef")
        raise error


def test_run_that_failed_has_a_report_with_the_notes_of_its_error(tmp_path):
    run = kgnb.run(kgnb.Graph(Broken(), name="pages"), {}, panel=False)
    with pytest.raises(ValueError, match="no such page"):
        run.result(20)
    page = run.to_html(tmp_path / "pages.html").read_text()
    assert "ValueError: no such page &lt;b&gt;" in page
    assert "try page 7; token=abc TOKEN=[redacted]" in page
    assert "kgnb: in node" not in page
    assert "failed" in run.to_svg()
    trace = run.to_jsonl(tmp_path / "pages.jsonl").read_text().splitlines()
    assert json.loads(trace[-1])["type"] == "workflow_failed"


def test_run_under_way_is_told_as_far_as_it_has_come(tmp_path):
    changed = threading.Event()
    run = kgnb.run(kgnb.Graph(Draft(), name="article"), {}, panel=False)
    stop = run.on_change(changed.set)
    while not run.approvals:
        assert changed.wait(20)
        changed.clear()
    stop()
    (question,) = run.approvals
    page = run.to_html(tmp_path / "article.html").read_text()
    assert "Nobody had answered when this was written" in page
    seen = run.view.seq  # more may come meanwhile
    trace = run.to_jsonl(tmp_path / "article.jsonl").read_text().splitlines()
    assert len(trace) - 1 >= seen
    run.answer(question.approval_id, "publish")
    assert run.result(20).status == "completed"


def test_png_without_the_extra_names_it(recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    arguments = ["report", str(recorded[0]), "-o", str(tmp_path / "a.png")]
    assert cli.main(arguments) == 1
    assert "pip install 'kgnb[png]'" in capsys.readouterr().err


def test_report_of_a_durable_run_tells_what_each_step_changed(
    tmp_path, monkeypatch, capsys
):
    log = f"sqlite://{tmp_path}/log.db"
    monkeypatch.setenv("KGNB_LOG_URL", log)
    mine = home.Home()
    monkeypatch.setattr(home, "current", lambda: mine)
    graph = kgnb.Graph(Draft(), name="article")
    run = kgnb.run(graph, {}, answers=["publish"], durable=True, panel=False)
    page = run.result(20).to_html(tmp_path / "here.html").read_text()
    mine.close()
    arguments = ["report", run.id, "--log", log, "-o", str(tmp_path / "there.html")]
    assert cli.main(arguments) == 0, capsys.readouterr().err
    for told in (page, (tmp_path / "there.html").read_text()):
        assert "shared[&#x27;verdict&#x27;]" in told
        assert "shared[&#x27;api_key&#x27;]" in told
        assert "hunter22" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing.jsonl"], "there is no such recording"),
        (["0" * 32, "--log", "sqlite:///nowhere/log.db"], "there is no log at sqlite"),
        (["0" * 32, "--log", "sqlite://log.db"], "expected sqlite:///absolute/path"),
        (["0" * 32, "--log", "log.db"], "--log: log url: expected memory://"),
        (["0" * 32, "--url", "http://127.0.0.1:1"], "the server did not answer"),
    ],
)
def test_report_of_what_is_not_there_says_so(arguments, told, capsys):
    assert cli.main(["report", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_report_of_a_log_that_is_not_there_makes_none(tmp_path, capsys):
    (tmp_path / "a b.db").touch()
    url = f"sqlite://{tmp_path}/a%20b.db"  # the name as it stands: no escapes
    assert cli.main(["report", "0" * 32, "--log", url]) == 1
    assert "there is no log at" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a b.db"]


def test_report_into_a_file_of_no_known_kind_lists_those(recorded, capsys):
    assert cli.main(["report", str(recorded[0]), "-o", "a.pdf"]) == 1
    assert "one of html, jsonl, svg, png, mermaid" in capsys.readouterr().err


def test_trace_leaves_a_file_that_is_no_recording_as_it_is(recorded, tmp_path, capsys):
    target = tmp_path / "notes.jsonl"
    target.write_text("mine\n")
    assert cli.main(["report", str(recorded[0]), "-o", str(target)]) == 1
    assert "no recording of kgnb's" in capsys.readouterr().err
    assert target.read_text() == "mine\n"
