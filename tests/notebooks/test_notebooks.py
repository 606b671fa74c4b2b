"""Every tutorial passes nbval, its outputs compared, on any machine."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

REPO = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
QUICKSTART = NOTEBOOKS[0]
FAILING = {"09_durable_runs": ["dinner"]}
"""Runs that are meant to fail, by their tutorial."""
each_tutorial = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


HERE = Path(__file__).parent
LEAN = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "nbval.plugin,kgnb.testing.plugin",
}
"""The environment in which pytest does not load what this project's tests need."""


def start_nbval(path, folder, **env):
    """Begin to compare a notebook's outputs with those of another execution."""
    answers = json.dumps(read(path).metadata["kgnb"]["answers"])
    unclean = ("PYTEST_", "KGNB_")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(unclean)}
    told = (folder / f"{path.stem}.txt").open("w+")
    options = ["--nbval", "-q", "-x", "-p", "no:cacheprovider"]
    options += ["--nbval-cell-timeout=60", "-c", os.devnull]
    options += ["--rootdir", str(path.parent)]
    offline = [sys.executable, str(HERE / "offline.py")]
    process = subprocess.Popen(
        [*offline, sys.executable, "-m", "pytest", *options, str(path)],
        env=clean | {"KGNB_ANSWERS": answers} | env,
        stdout=told,
        stderr=subprocess.STDOUT,
    )
    return process, told


def end_nbval(process, told):
    """Its exit code and what it told."""
    with told:
        code = process.wait(120)
        told.seek(0)
        return code, told.read()


def nbval(path, folder, **env):
    return end_nbval(*start_nbval(path, folder, **env))


def elsewhere(folder):
    """The environment of a machine with other fonts and another order of hashes."""
    fonts = folder / "fonts.conf"
    fonts.write_text('<?xml version="1.0"?><fontconfig></fontconfig>')
    plugins = LEAN["PYTEST_PLUGINS"] + ",altering"
    altering = {"PYTEST_PLUGINS": plugins, "PYTHONPATH": str(HERE)}
    return LEAN | altering | {"FONTCONFIG_FILE": str(fonts), "PYTHONHASHSEED": "7"}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """All tutorials at once, elsewhere, begun in any order: most of their time they
    wait for tokens. (``scripts/notebooks-check`` takes one after the other.)
    """
    folder = tmp_path_factory.mktemp("nbval")
    paths = random.sample(NOTEBOOKS, len(NOTEBOOKS))
    running = {path: start_nbval(path, folder, **elsewhere(folder)) for path in paths}
    yield running
    for process, told in running.values():
        process.kill()
        process.wait()
        told.close()


@each_tutorial
def test_tutorial_gives_the_same_outputs_elsewhere(path, begun, tmp_path):
    if path in begun:
        code, told = end_nbval(*begun.pop(path))
    else:  # tried again
        code, told = nbval(path, tmp_path, **elsewhere(tmp_path))
    assert code == 0, told
    altered = re.search(r"altered in (\d+) places, each was noticed", told)
    assert int(altered[1]) > len(shown(path))


def test_quickstart_gives_the_same_outputs_here(tmp_path):
    code, told = nbval(QUICKSTART, tmp_path)
    assert code == 0, told


def test_changed_output_fails_nbval(tmp_path):
    changed = tmp_path / "changed.ipynb"
    text = QUICKSTART.read_text()
    assert "gravitational pull of the Earth" in text
    changed.write_text(text.replace("gravitational pull of the Earth", "will of Zeus"))
    code, told = nbval(changed, tmp_path, **LEAN)
    assert code == 1
    assert "will of Zeus" in told


def test_tutorial_without_answers_fails_at_once_and_says_what_to_do(tmp_path):
    code, told = nbval(QUICKSTART, tmp_path, KGNB_ANSWERS="", **LEAN)
    assert code == 1
    assert "answers=" in told
    assert "Is this draft fit to publish?" in told


def shown(path):
    """Its saved outputs."""
    return [output for cell in read(path).cells for output in cell.get("outputs", ())]


@each_tutorial
def test_saved_outputs_hold_no_id_time_or_address(path):
    assert shown(path)
    for output in shown(path):
        assert not output.get("metadata")
        text = json.dumps(output)
        for word in ("run_id", "approval_id", "timestamp", "started_at", "127.0.0.1"):
            assert word not in text
        assert not re.search(r"at 0x[0-9a-f]{6}", text)


@each_tutorial
def test_saved_outputs_are_those_of_runs_that_ended_as_told(path):
    outputs = shown(path)
    assert not [output for output in outputs if output.output_type == "error"]
    bundles = [output.get("data", {}) for output in outputs]
    kind = "application/vnd.kgnb.run+json"
    records = [bundle[kind]["record"] for bundle in bundles if kind in bundle]
    assert records
    for bundle in bundles:
        assert kind not in bundle or {"image/svg+xml", "text/html"} <= set(bundle)
    failed = [each["workflow"] for each in records if each["status"] != "completed"]
    assert failed == FAILING.get(path.stem, [])


@each_tutorial
def test_nothing_in_a_tutorial_is_left_out_by_nbval(path):
    ways_out = re.compile("nbval|validate_ignore|raises-exception", re.IGNORECASE)
    for cell in read(path).cells:
        assert not cell.metadata.get("tags")
        comments = [line for line in cell.source.splitlines() if "#" in line]
        if cell.cell_type == "code":
            assert not [line for line in comments if ways_out.search(line)]
            assert cell.execution_count, "a cell that was never run is not compared"


CONNECTS = """
import socket, urllib.request
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
urllib.request.urlopen("http://192.0.2.1/", timeout=5)
"""


@pytest.mark.parametrize("way", ["as the system allows", "guarded"])
def test_offline_python_reaches_this_machine_alone(way):
    command = [sys.executable, "-c", CONNECTS]
    if way == "guarded":
        env = os.environ | {"PYTHONPATH": str(HERE / "guard")}
    else:
        command, env = [sys.executable, str(HERE / "offline.py"), *command], os.environ
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    told = done.stderr.splitlines()[-1]
    assert "unreachable" in told or "offline: no connection to 192.0.2.1" in told


@each_tutorial
def test_link_leads_somewhere(path):
    text = "".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    for target in re.findall(r"\]\(((?!https?://)[^)#]+)", text):
        assert (path.parent / target).exists(), target


def test_table_of_tutorials_in_the_readme_has_all_of_them():
    listed = re.findall(r"\(notebooks/(\w+\.ipynb)\)", (REPO / "README.md").read_text())
    assert sorted(set(listed)) == [path.name for path in NOTEBOOKS]
