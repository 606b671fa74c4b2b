import contextvars
import json
import sys
import threading
import types

import pytest

from kgnb.panel.bundle import MIME
from kgnb.panel.display import RunDisplay
from kgnb.panel.result import show_result

cell = contextvars.ContextVar("cell", default="no cell")


class Publisher:
    def __init__(self):
        self.outputs = []

    def publish(self, data, metadata=None, transient=None, update=False):
        json.dumps(data)
        self.outputs.append(
            types.SimpleNamespace(
                data=data,
                metadata=metadata,
                transient=transient,
                update=update,
                cell=cell.get(),
            )
        )


@pytest.fixture
def shell(monkeypatch):
    made = types.SimpleNamespace(kernel=object(), display_pub=Publisher(), user_ns={})
    module = types.SimpleNamespace(get_ipython=lambda: made)
    monkeypatch.setitem(sys.modules, "IPython.core.getipython", module)
    return made


@pytest.fixture
def outputs(shell):
    return shell.display_pub.outputs


def end(run, samples):
    run.view = samples.article_view()


def test_display_live_run_is_shown_and_then_replaced(outputs, begun_run, samples):
    display = RunDisplay()
    display.show(begun_run)
    end(begun_run, samples)
    display.finish(begun_run)
    first, last = outputs
    assert (first.update, last.update) == (False, True)
    assert first.transient == last.transient
    assert first.data[MIME]["final"] is False
    assert last.data[MIME]["final"] is True
    assert last.metadata[MIME]["kernel_id"] == "kernel-1"


def test_display_end_lands_in_the_cell_that_began_the_run(outputs, begun_run, samples):
    display = RunDisplay()
    contextvars.copy_context().run(
        lambda: (cell.set("cell 1"), display.show(begun_run))
    )
    end(begun_run, samples)
    cell.set("cell 2")
    thread = threading.Thread(target=display.finish, args=(begun_run,))
    thread.start()
    thread.join()
    assert [output.cell for output in outputs] == ["cell 1", "cell 1"]


def test_display_in_ci_is_one_and_equal_to_what_a_person_is_left(
    outputs, begun_run, samples
):
    display = RunDisplay()
    display.show(begun_run)
    begun_run.view = samples.article_view()
    display.finish(begun_run)
    begun_run.display_mode = "ci"
    display.show(begun_run)
    display.finish(begun_run)
    _, person, ci = outputs
    assert ci.update is False
    assert json.dumps(ci.data) == json.dumps(person.data)


def test_display_final_bundle_has_no_widget(outputs, begun_run, samples):
    display = RunDisplay()
    display.show(begun_run)
    end(begun_run, samples)
    display.finish(begun_run)
    assert not [key for key in outputs[-1].data if "widget" in key]


def test_display_finish_twice_or_unshown_does_nothing(outputs, begun_run, samples):
    display = RunDisplay()
    end(begun_run, samples)
    display.finish(begun_run)
    display.show(begun_run)
    display.finish(begun_run)
    display.finish(begun_run)
    assert len(outputs) == 2


def test_display_panel_false_shows_nothing(outputs, begun_run):
    begun_run.panel = False
    display = RunDisplay()
    display.show(begun_run)
    display.finish(begun_run)
    assert outputs == []


def test_display_compact_is_told_in_both_bundles(outputs, begun_run, samples):
    begun_run.panel = "compact"
    display = RunDisplay()
    display.show(begun_run)
    end(begun_run, samples)
    display.finish(begun_run)
    assert [output.data[MIME]["compact"] for output in outputs] == [True, True]


def test_display_signed_run_names_its_people(outputs, begun_run, samples):
    begun_run.sign = True
    display = RunDisplay()
    display.show(begun_run)
    end(begun_run, samples)
    display.finish(begun_run)
    assert "by ada" in outputs[-1].data["text/html"]


def test_display_beside_the_server_makes_no_widget(outputs, begun_run):
    RunDisplay().show(begun_run)
    assert set(outputs[0].data) == {MIME, "text/html", "text/plain"}
    assert "kgnb.panel.widget" not in sys.modules or not begun_run.listeners


def test_display_for_nobody_makes_no_widget(outputs, begun_run):
    begun_run.log_host = "kernel"
    begun_run.display_mode = "static"
    RunDisplay().show(begun_run)
    assert set(outputs[0].data) == {MIME, "text/html", "text/plain"}


@pytest.mark.parametrize("changes", [{"log_host": "kernel"}, {"panel": "widget"}])
def test_display_with_a_widget_closes_it_at_the_end(
    outputs, begun_run, samples, changes
):
    for name, value in changes.items():
        setattr(begun_run, name, value)
    display = RunDisplay()
    display.show(begun_run)
    assert "application/vnd.jupyter.widget-view+json" in outputs[0].data
    assert (MIME in outputs[0].data) == (begun_run.panel is None)
    assert begun_run.listeners
    end(begun_run, samples)
    display.finish(begun_run)
    assert not begun_run.listeners


def test_display_in_vs_code_brings_a_widget(outputs, shell, begun_run, samples):
    shell.user_ns["__vsc_ipynb_file__"] = "x.ipynb"
    display = RunDisplay()
    display.show(begun_run)
    assert "application/vnd.jupyter.widget-view+json" in outputs[0].data
    end(begun_run, samples)
    display.finish(begun_run)


@pytest.mark.parametrize("without", ["IPython", "shell", "kernel"])
def test_display_without_a_kernel_does_nothing(
    monkeypatch, outputs, shell, begun_run, without
):
    if without == "IPython":
        monkeypatch.delitem(sys.modules, "IPython.core.getipython")
    elif without == "shell":
        module = types.SimpleNamespace(get_ipython=lambda: None)
        monkeypatch.setitem(sys.modules, "IPython.core.getipython", module)
    else:
        shell.kernel = None
    display = RunDisplay()
    display.show(begun_run)
    display.finish(begun_run)
    assert outputs == []


def test_display_draws_graphs(samples):
    assert RunDisplay().draw(samples.ARTICLE) == samples.draw(samples.ARTICLE)


def test_show_result_in_a_cell_displays_the_record_anew(outputs, view):
    RunDisplay().again(view)
    assert outputs[0].data[MIME]["final"] is True
    assert outputs[0].transient is None


def test_show_result_in_a_script_prints_the_text(monkeypatch, view, capsys):
    monkeypatch.delitem(sys.modules, "IPython.core.getipython", raising=False)
    show_result(view)
    assert capsys.readouterr().out.startswith("article: ✓ completed\n")


def test_page_html_stands_for_itself(view):
    page = RunDisplay().html(view, None)
    assert page.startswith("<!doctype html>")
    assert "<title>article · run report</title>" in page
