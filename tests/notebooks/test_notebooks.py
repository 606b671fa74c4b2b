"""Every tutorial passes nbval, its outputs compared, on any machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

REPO = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))


def nbval(path, **env):
    notebook = nbformat.read(path, as_version=4)
    answers = json.dumps(notebook.metadata["kgnb"]["answers"])
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider"]
        + ["--nbval-cell-timeout=60", "-c", os.devnull, "--rootdir", str(path.parent)]
        + [str(path)],
        env=clean | {"KGNB_ANSWERS": answers} | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_tutorial_passes_nbval(path):
    done = nbval(path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_tutorial_gives_the_same_record_with_other_fonts(path, tmp_path):
    fonts = tmp_path / "fonts.conf"
    fonts.write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    done = nbval(path, FONTCONFIG_FILE=str(fonts), PYTHONHASHSEED="7")
    assert done.returncode == 0, done.stdout + done.stderr


def test_changed_output_fails_nbval(tmp_path):
    changed = tmp_path / "changed.ipynb"
    text = NOTEBOOKS[0].read_text()
    assert "gravitational pull of the Earth" in text
    changed.write_text(text.replace("gravitational pull of the Earth", "will of Zeus"))
    done = nbval(changed)
    assert done.returncode == 1
    assert "will of Zeus" in done.stdout


def test_tutorial_without_answers_fails_at_once_and_says_what_to_do(tmp_path):
    copy = tmp_path / "copy.ipynb"
    copy.write_text(NOTEBOOKS[0].read_text())
    done = nbval(copy, KGNB_ANSWERS="")
    assert done.returncode == 1
    assert "answers=" in done.stdout
    assert "Is this draft fit to publish?" in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_outputs_hold_no_id_time_or_address(path):
    notebook = nbformat.read(path, as_version=4)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert shown
    for output in shown:
        assert not output.get("metadata")
        text = json.dumps(output)
        for word in ("run_id", "approval_id", "timestamp", "started_at", "127.0.0.1"):
            assert word not in text
