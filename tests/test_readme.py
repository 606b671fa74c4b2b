"""What README and docs say is true: their code runs, commands and links are there."""

import ast
import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kgnb import llm
from kgnb.panel.display import RunDisplay
from kgnb.runtime import hooks, shutdown

REPO = Path(__file__).parent.parent
README = (REPO / "README.md").read_text()


PAGES = [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def links():
    """Of each page, as it has them."""
    for page in PAGES:
        for target in re.findall(r"\]\(((?!https?://)[^)]+)\)", page.read_text()):
            yield pytest.param(page, target, id=f"{page.name} {target}")


def anchors(text):
    """As GitHub makes them of headings."""
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


CELLS = [source for source in blocks("python") if "distributed" not in source]
SCRIPTS = [source for source in blocks("python") if "distributed" in source]
"""These leave processes behind that end with their Python only."""


@pytest.mark.parametrize("source", SCRIPTS)
def test_python_block_runs_as_a_script(source):
    subprocess.run(
        [sys.executable, "-W", "error", "-c", source], check=True, timeout=60
    )


@pytest.mark.parametrize("source", CELLS)
def test_python_block_runs_as_a_cell(source, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # recordings are written
    monkeypatch.setenv("KGNB_ANSWERS", '["publish"]')
    monkeypatch.setenv("KGNB_LOG_URL", "memory://")
    hooks.install(RunDisplay())  # other tests take it away
    code = compile(source, "README", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = {}

    async def cell():
        awaits = eval(code, names)  # top-level await makes it a coroutine
        if awaits is not None:
            await awaits

    try:
        asyncio.run(cell())
    finally:
        shutdown()
        llm.close()
    if "result" in names:
        assert names["result"].status == "completed"
        assert [answer.value for answer in names["result"].approvals] == ["publish"]


@pytest.mark.parametrize("command", re.findall(r"^(scripts/\w+)", README, re.MULTILINE))
def test_command_is_there_and_can_be_run(command):
    path = REPO / command
    assert path.stat().st_mode & 0o100, f"{command} is not executable"


@pytest.mark.parametrize(("page", "target"), [*links()])
def test_link_leads_somewhere(page, target):
    path, _, anchor = target.partition("#")
    found = page.parent / path if path else page
    assert found.exists()
    assert not anchor or anchor in anchors(found.read_text())


def test_table_of_settings_is_that_of_the_traits():
    import runpy

    settings = runpy.run_path(str(REPO / "scripts" / "settings.py"))
    assert settings["replaced"](README) == README
