"""``kgnb ci init``: its commands are run on a fresh folder with a fresh notebook."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook, new_output

from kgnb import cli
from kgnb.testing.records import MIME

SOURCE = """import kgnb
def question():
    return kgnb.ask("Publish?", options=["yes", "no"]).result().value
kgnb.run(question)"""


def write(path, source, *approvals):
    notebook = new_notebook(cells=[new_code_cell(source)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    if approvals:
        record = {"status": "completed", "approvals": list(approvals)}
        data = {MIME: {"version": 1, "final": True, "record": record}}
        notebook.cells[0].outputs = [new_output("display_data", data=data)]
    nbformat.write(notebook, path)
    return path


def answered(message, value):
    return {"message": message, "state": "answered", "value": value}


def commands(folder):
    """What the workflow runs, but for what it installs."""
    text = (folder / ".github" / "workflows" / "notebooks.yml").read_text()
    (job,) = yaml.safe_load(text)["jobs"].values()
    runs = [step["run"] for step in job["steps"] if "run" in step]
    return [run for run in runs if "pip install" not in run]


def test_commands_of_the_workflow_pass_once_the_answer_is_filled_in(tmp_path, capsys):
    write(tmp_path / "report.ipynb", SOURCE)
    assert cli.main(["ci", "init", str(tmp_path)]) == 0
    assert "wrote" in capsys.readouterr().out
    beside = tmp_path / "report.answers.toml"
    example = '# "Publish?" = "yes"'
    assert example in beside.read_text()
    beside.write_text(beside.read_text().replace(example, example[2:]))
    (command,) = commands(tmp_path)
    name, *rest = shlex.split(command)
    assert name == "python"
    quiet = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    env = {k: v for k, v in os.environ.items() if not k.startswith(("KGNB", "PYTEST"))}

    def run_pytest(*more):
        done = subprocess.run(
            [sys.executable, *rest, "-p", "kgnb.testing.plugin", *more],
            cwd=tmp_path,
            env=env | quiet,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "1 passed" in run_pytest()
    assert (tmp_path / "reports" / "report.html").is_file()
    # The reports are no notebooks of the next time.
    assert "1 test collected" in run_pytest("--collect-only")


def test_what_is_there_is_kept_without_force(tmp_path, capsys):
    mine = tmp_path / "conftest.py"
    mine.write_text("# mine\n")
    assert cli.main(["ci", "init", str(tmp_path)]) == 0
    assert f"kept  {mine}" in capsys.readouterr().out
    assert mine.read_text() == "# mine\n"
    assert cli.main(["ci", "init", "--force", str(tmp_path)]) == 0
    assert "KGNB_LLM" in mine.read_text()


@pytest.mark.parametrize(
    ("approvals", "given"),
    [
        ([answered("A?", "yes"), answered("A?", "yes")], {"A?": "yes"}),
        ([answered("A?", "no"), answered("A?", "yes")], ["no", "yes"]),
        ([answered('"B"\n', {"x": [1, True, 0.5]})], {'"B"\n': {"x": [1, True, 0.5]}}),
        ([answered("C?", None)], {}),
        ([answered("C?", {"a": None})], {}),
    ],
)
def test_answers_of_saved_runs_are_filled_in(tmp_path, approvals, given):
    path = write(tmp_path / "saved.ipynb", SOURCE, *approvals)
    assert cli.main(["ci", "init", str(tmp_path)]) == 0
    text = path.with_suffix(".answers.toml").read_text()
    assert tomllib.loads(text)["answers"] == given


def test_notebooks_that_need_no_answers_get_no_file(tmp_path):
    write(tmp_path / "other.ipynb", "1 + 1")
    (tmp_path / ".venv").mkdir()
    write(tmp_path / ".venv" / "theirs.ipynb", SOURCE)
    assert cli.main(["ci", "init", str(tmp_path)]) == 0
    assert not list(tmp_path.rglob("*.toml"))


def test_folder_that_is_not_there_is_named(capsys):
    assert cli.main(["ci", "init", "no/such"]) == 1
    assert "kgnb ci: no/such: no such folder" in capsys.readouterr().err


def test_command_is_run_with_a_notebooks_answers(tmp_path, monkeypatch, capfd):
    for name in ("KGNB_MODE", "KGNB_ANSWERS"):
        monkeypatch.delenv(name, raising=False)
    path = write(tmp_path / "a.ipynb", SOURCE)
    Path(tmp_path / "a.answers.toml").write_text('answers = ["yes"]')
    shown = "import os; print(os.environ['KGNB_MODE'], os.environ['KGNB_ANSWERS'])"
    assert cli.main(["ci", "run", str(path), "--", sys.executable, "-c", shown]) == 0
    assert capfd.readouterr().out == 'ci ["yes"]\n'
    assert cli.main(["ci", "run", str(path), "--", "no-such-command"]) == 1
    assert "no-such-command: No such file" in capfd.readouterr().err
