"""What the README says is true: its code runs, its commands and links are there."""

import ast
import asyncio
import re
from pathlib import Path

import pytest

from kgnb.runtime import shutdown

REPO = Path(__file__).parent.parent
README = (REPO / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("source", blocks("python"))
def test_python_block_runs_as_a_cell(source, monkeypatch):
    monkeypatch.setenv("KGNB_ANSWERS", '["publish"]')
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
    if "result" in names:
        assert names["result"].status == "completed"
        assert [answer.value for answer in names["result"].approvals] == ["publish"]


@pytest.mark.parametrize("command", re.findall(r"^(scripts/\w+)", README, re.MULTILINE))
def test_command_is_there_and_can_be_run(command):
    path = REPO / command
    assert path.stat().st_mode & 0o100, f"{command} is not executable"


@pytest.mark.parametrize(
    "target", re.findall(r"\]\(((?!https?://)[^)#]+)\)", README), ids=str
)
def test_link_leads_somewhere(target):
    assert (REPO / target).exists()


def test_table_of_settings_is_that_of_the_traits():
    import runpy

    settings = runpy.run_path(str(REPO / "scripts" / "settings.py"))
    assert settings["replaced"](README) == README
