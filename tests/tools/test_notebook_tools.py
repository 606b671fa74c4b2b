"""Notebooks under ``pytest --kgnb``, nbval, nbmake, papermill and nbclient."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from kgnb.errors import InvalidValue
from kgnb.testing import notebook_answers
from kgnb.testing.notebook_files import answers_of
from kgnb.testing.records import MIME, first_difference

ASKS = """import kgnb
def question():
    return kgnb.ask("Publish 3 pages?", options=["yes", "no"]).result().value
"""
RUNS = "run = kgnb.run(question)\nprint(run.result().value)"


def write(path, *cells, answers=None, outputs=None):
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    if answers is not None:
        notebook.metadata["kgnb"] = {"answers": answers}
    if outputs is not None:
        notebook.cells[-1] |= {"outputs": outputs, "execution_count": 2}
    nbformat.write(notebook, path)
    return path


def run_pytest(folder, *options, plugins="", **env):
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "KGNB_"))
    }
    lean = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": f"kgnb.testing.plugin{plugins}",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", str(folder), *options, str(folder)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=clean | lean | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # What kernels say for themselves is theirs: a port that another process was quicker
    # to take ends one's heartbeat with a traceback, and the notebook runs all the same.
    print(done.stderr)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """What pytest says of a folder in which most notebooks are broken."""
    folder = tmp_path_factory.mktemp("broken")
    write(folder / "fails.ipynb", ASKS, "x = 1\n\n1 / 0")
    write(folder / "unanswered.ipynb", ASKS, RUNS, answers={"Other?": "yes"})
    write(folder / "missing.ipynb", "import kgnb\nkgnb.recorded('like no other')")
    (folder / "text.ipynb").write_text("no notebook")
    write(folder / "dies.ipynb", "import os", "os._exit(1)")
    unread = 'import kgnb\ndef fails(): raise ValueError("no data")\nkgnb.run(fails)'
    write(folder / "unread.ipynb", unread)
    record = {"status": "completed", "workflow": "question", "result": "no"}
    data = {MIME: {"version": 1, "final": True, "record": record}}
    output = nbformat.v4.new_output("display_data", data=data)
    write(folder / "changed.ipynb", ASKS, RUNS, answers=["yes"], outputs=[output])
    write(folder / "whole.ipynb", ASKS, RUNS)
    (folder / "whole.answers.toml").write_text('[answers]\n"Publish *" = "yes"\n')
    code, told = run_pytest(folder, "--kgnb", "--kgnb-reports=kept")
    return folder, code, told


def test_whole_notebook_passes_with_the_answers_beside_it(broken):
    _, code, told = broken
    assert code == 1
    assert "7 failed, 1 passed" in told


@pytest.mark.parametrize(
    "words",
    [
        ["fails.ipynb, cell 2, line 3: ZeroDivisionError: division by zero", "1 / 0"],
        [
            "unanswered.ipynb, cell 2, line 2: Unanswerable: approval 'Publish 3 pages?'",
            "answers=",
            "print(run.result().value)",
            "in unanswered.answers.toml",
        ],
        [
            "missing.ipynb, cell 1, line 2: InvalidValue: no reply to 'like no other'",
            "the nearest one is",
        ],
        [
            "changed.ipynb, cell 2: its run is not the one saved: [0].",
            "run the notebook and save it",
        ],
        ["dies.ipynb, cell 2: the kernel died", "os._exit(1)"],
        ["unread.ipynb, cell 1: run 'fails' ended as 'failed': ValueError: no data"],
        ["text.ipynb, cannot be read: ", "JSON"],
    ],
    ids=lambda words: words[0].partition(".")[0],
)
def test_broken_notebook_says_where_and_what(broken, words):
    _, _, told = broken
    for word in words:
        assert word in told
    assert "Traceback" not in told


def test_report_is_kept_of_each_notebook_that_ran(broken):
    folder, _, _ = broken
    kept = folder / "kept"
    names = ["changed", "dies", "fails", "missing", "unanswered", "unread", "whole"]
    assert sorted(path.stem for path in kept.glob("*.ipynb")) == names
    assert sorted(path.stem for path in kept.glob("*.html")) == names
    assert "division by zero" in (kept / "fails.html").read_text()
    cells = nbformat.read(kept / "whole.ipynb", as_version=4).cells
    record = cells[1].outputs[0]["data"][MIME]["record"]
    assert record["approvals"][0]["value"] == "yes"


def test_nbval_and_nbmake_get_each_notebook_its_own_answers(tmp_path):
    for answer in ("yes", "no"):
        printed = nbformat.v4.new_output("stream", name="stdout", text=f"{answer}\n")
        source = RUNS.replace("(question)", "(question, panel=False)")
        path = tmp_path / f"{answer}.ipynb"
        write(path, ASKS, source, answers=[answer], outputs=[printed])
    code, told = run_pytest(
        tmp_path, "--nbval", "--nbmake", plugins=",nbval.plugin,nbmake.pytest_plugin"
    )
    assert code == 0, told
    assert "6 passed" in told  # four cells, and two notebooks as a whole


@pytest.fixture(scope="module")
def told_by_nbval(tmp_path_factory):
    """What ``pytest --nbval`` says of notebooks that are broken in four ways."""
    folder = tmp_path_factory.mktemp("nbval")
    printed = nbformat.v4.new_output("stream", name="stdout", text="publish\n")
    source = RUNS.replace("(question)", "(question, panel=False)")
    write(folder / "changed.ipynb", ASKS, source, answers=["yes"], outputs=[printed])
    write(folder / "unanswered.ipynb", ASKS, RUNS, answers={"Other?": "yes"})
    write(folder / "missing.ipynb", "import kgnb\nkgnb.llm.reply('like no other')")
    fails = 'def fails(): raise ValueError("no data")\nawait kgnb.run(fails)'
    write(folder / "fails.ipynb", "import kgnb", fails)
    code, told = run_pytest(folder, "--nbval", plugins=",nbval.plugin")
    assert code == 1
    assert "4 failed, 3 passed" in told
    return re.sub(r"\x1b\[[0-9;]*m", "", told)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("changed", ["Cell outputs differ", "publish", "yes"]),
        (
            "unanswered",
            ["approval 'Publish 3 pages?'", "Give run(..., answers="],
        ),
        ("missing", ["no reply to 'like no other'", "the nearest one is"]),
        ("fails", ["ValueError: no data", "node 'fails'"]),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_notebook_that_fails_nbval_says_what_to_do(told_by_nbval, name, words):
    """In the part of what is told that is about the notebook."""
    parts = re.split(r"^_+ (.*?)::", told_by_nbval, flags=re.MULTILINE)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    (part,) = [text for title, text in told.items() if name in title]
    for word in words:
        assert word in part


def test_answers_that_cannot_be_read_fail_a_notebook_of_nbval_by_name(tmp_path):
    write(tmp_path / "a.ipynb", "1")
    write(tmp_path / "b.ipynb", "1")
    (tmp_path / "a.answers.toml").write_text("answers = [")
    code, told = run_pytest(tmp_path, "--nbval", plugins=",nbval.plugin")
    assert code == 1, told
    assert "a.answers.toml: no TOML" in told
    assert "1 passed, 1 error" in told


EXECUTES = """
import os, sys
import nbformat, papermill
from nbclient import NotebookClient
from kgnb.testing import notebook_answers

def printed(notebook):
    return "".join(out.get("text", "") for out in notebook.cells[-1].outputs)

with notebook_answers("one.ipynb"):
    done = papermill.execute_notebook("one.ipynb", "out.ipynb", progress_bar=False)
    notebook = nbformat.read("one.ipynb", as_version=4)
    NotebookClient(notebook).execute()
print([printed(done), printed(notebook), "KGNB_MODE" in os.environ])
"""


def test_papermill_and_nbclient_get_a_notebooks_answers(tmp_path):
    write(tmp_path / "one.ipynb", ASKS, RUNS, answers={"Publish*": "no"})
    # In a process of its own: their loops outlive them.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EXECUTES],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("KGNB_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "['no\\n', 'no\\n', False]", done.stderr


# ---- without a kernel


def test_answers_beside_a_notebook_count_before_those_in_it(tmp_path):
    path = write(tmp_path / "a.ipynb", "1", answers=["in it"])
    assert answers_of(path) == ["in it"]
    (tmp_path / "a.answers.toml").write_text('answers = ["beside it"]')
    assert answers_of(path) == ["beside it"]


@pytest.mark.parametrize("text", ["answers = 3", "answers = [", "\udcff"])
def test_answers_that_cannot_be_read_name_their_file(tmp_path, text):
    path = write(tmp_path / "a.ipynb", "1")
    data = text.encode("utf-8", "surrogateescape")
    (tmp_path / "a.answers.toml").write_bytes(data)
    with pytest.raises(InvalidValue, match=r"^a\.answers\.toml: "):
        answers_of(path)


def test_answers_in_metadata_of_another_shape_name_their_notebook(tmp_path):
    path = write(tmp_path / "a.ipynb", ASKS)
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kgnb"] = "yes"
    nbformat.write(notebook, path)
    with pytest.raises(InvalidValue, match=r"a\.ipynb: metadata\.kgnb\.answers"):
        answers_of(path)


def test_answers_of_the_environment_count_before_a_notebooks(tmp_path, monkeypatch):
    monkeypatch.setenv("KGNB_ANSWERS", '["mine"]')
    path = write(tmp_path / "a.ipynb", "1", answers=["its"])
    with notebook_answers(path):
        assert json.loads(os.environ["KGNB_ANSWERS"]) == ["mine"]


def test_first_difference_names_its_place():
    was = {"a": [1, {"b": "x"}], "c": {}}
    assert first_difference(was, {"a": [1, {"b": "x"}], "c": {}}) is None
    found = first_difference(was, {"a": [1, {"b": "y"}], "c": {}})
    assert found == "a[1].b was 'x', now it is 'y'"
    assert (
        first_difference(was, {"a": [1], "c": {}})
        == "a[1].b was 'x', now there is none"
    )
