"""What stays of a run in the saved notebook, for Lab, nbconvert and whoever reads it."""

import json
import shutil
import subprocess
import sys

import cells
import pytest
from harness import NotebookPage

pytestmark = pytest.mark.browser

MIME = "application/vnd.kgnb.run+json"
WIDGET = "application/vnd.jupyter.widget-view+json"

AWAIT = "result = await kgnb.run(article, {})"
BLOCK = "result = kgnb.run(article, {}).result()"
TEXT = "The ocean tides - they're a never-ending cycle"
ANOTHER_CARD = """
first => {
    const card = document.querySelector('[data-approval]');
    return card && card.dataset.approval !== first;
}
"""
HAS_RECORD = """
() => document.querySelector('.kgnb-panel')?.dataset.connection === 'record'
"""


def option(notebook, name):
    return notebook.panel(1).get_by_role("button", name=name, exact=True)


def output(jupyter, name):
    """The run's saved output."""
    [found] = jupyter.read(name).cells[1].outputs
    return found


def answer(notebook):
    """Click revise, then publish."""
    card = notebook.panel(1).locator("[data-approval]")
    first = card.get_attribute("data-approval")
    option(notebook, "revise").click()
    notebook.page.wait_for_function(ANOTHER_CARD, arg=first)
    option(notebook, "publish").click()
    notebook.page.wait_for_function(HAS_RECORD)


@pytest.fixture(scope="module")
def saved(lab, chromium):
    """Names of notebooks with a finished run: one seen through, one reloaded in it."""
    names = {"seen through": "seen.ipynb", "reloaded": "reloaded.ipynb"}
    for way, name in names.items():
        context = chromium.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(20_000)
        cell = BLOCK if way == "reloaded" else AWAIT
        lab.write(name, cells.STREAM_THEN_ASK, cell)
        notebook = NotebookPage(context.new_page(), lab, name).open()
        notebook.run(0)
        notebook.run(1)
        option(notebook, "publish").wait_for()
        if way == "reloaded":
            notebook.save()
            assert not output(lab, name)["data"][MIME]["final"]
            notebook.reload()
            option(notebook, "publish").wait_for()
        answer(notebook)
        notebook.save()
        assert notebook.errors == []
        context.close()
    return names


both = pytest.mark.parametrize("way", ["seen through", "reloaded"])


@both
def test_saved_file_holds_the_record_and_no_live_bundle(lab, saved, way):
    data = output(lab, saved[way])["data"]
    assert set(data) >= {MIME, "text/html", "text/plain"}
    assert WIDGET not in data
    bundle = data[MIME]
    assert bundle["final"]
    assert set(bundle) == {"version", "final", "record"}
    record = bundle["record"]
    assert record["status"] == "completed"
    assert [each["text"][: len(TEXT)] for each in record["streams"]] == [TEXT, TEXT]
    assert [each["value"] for each in record["approvals"]] == ["revise", "publish"]
    assert record["results"]["Publish"] == ["WEB", "MAIL"]


@both
def test_saved_data_names_no_run_time_or_person_but_the_metadata_does(lab, saved, way):
    found = output(lab, saved[way])
    told, everything = found["metadata"][MIME], json.dumps(found["data"])
    assert [told["answered_by"][key]["via"] for key in "01"] == ["panel", "panel"]
    assert told["started_at"] < told["ended_at"]
    assert told["run_id"] not in everything
    assert told["kernel_id"] not in everything
    for stamp in ("started_at", "ended_at"):
        day, time = told[stamp].split("T")
        assert day not in everything
        assert time[:5] not in everything
    assert '"panel"' not in everything, "by which way it was answered"


def test_record_is_the_same_after_a_reload(lab, saved):
    one, other = (output(lab, saved[way])["data"] for way in saved)
    assert one[MIME] == other[MIME]


@pytest.fixture(scope="module")
def reader(start_jupyter, lab, saved):
    """Another server, to which the saved files were brought; no kernel can run them."""
    other = start_jupyter(no_side_panel=True)
    for name in saved.values():
        notebook = lab.read(name)
        # With a language Lab would start another kernel of it.
        notebook.metadata = {"kernelspec": {"name": "gone", "display_name": "gone"}}
        (other.work / name).write_text(json.dumps(notebook))
    return other


@both
def test_reopened_without_a_kernel_it_shows_the_run_and_asks_nobody(
    reader, saved, context, way
):
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    notebook = NotebookPage(page, reader, saved[way])
    page.goto(f"{reader.url}doc/tree/{notebook.name}?token={reader.token}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="No Kernel", exact=True).click()
    notebook.ready(kernel=False)
    panel = notebook.panel(1)
    panel.locator(".kgnb-run-chip").get_by_text("completed").wait_for()
    words = panel.inner_text()
    assert words.count(TEXT) >= 2
    for word in ("Publish?", "revise", "publish", "from the panel", "WEB", "MAIL"):
        assert word in words
    assert panel.locator(".kgnb-picture svg .kgnb-node").count() == 3
    assert panel.get_by_role("button", name="publish", exact=True).count() == 0
    page.wait_for_timeout(1500)
    assert notebook.js(
        "() => !jupyterapp.shell.currentWidget.sessionContext.session?.kernel"
    )
    own = f"http://127.0.0.1:{reader.port}/".removeprefix("http")
    assert [url for url in asked if own not in url and url.startswith("http")] == []
    ours = [url for url in asked if "/kgnb/" in url and "/lab/extensions/" not in url]
    assert ours == []
    assert notebook.errors == []


@both
def test_exported_by_nbconvert_it_shows_the_run(lab, saved, context, tmp_path, way):
    shutil.copy(lab.work / saved[way], tmp_path / "run.ipynb")
    subprocess.run(
        [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "run.ipynb"],
        cwd=tmp_path,
        env=lab.env,
        check=True,
        capture_output=True,
    )
    page = context.new_page()
    page.route("http*://**", lambda route: route.abort())
    page.goto((tmp_path / "run.html").as_uri())
    words = page.locator(".jp-OutputArea-output").last.inner_text()
    assert words.count(TEXT) >= 2
    for word in ("completed", "Review", "Publish?", "revise", "publish", "WEB", "MAIL"):
        assert word in words
    drawn = page.locator(".jp-OutputArea-output svg .kgnb-node")
    assert drawn.count() >= 3
    assert drawn.first.is_visible()
