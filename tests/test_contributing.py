"""CONTRIBUTING.md names what is there, and leaves no package out."""

import re
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
TEXT = (REPO / "CONTRIBUTING.md").read_text()
FOLDERS = ("kgnb", "tests", "scripts", "benchmarks", "docs")
PATHS = sorted(
    {
        path
        for code in re.findall(r"`([^`\n]+)`", TEXT)
        for path in re.findall(rf"(?<![\w.-])(?:{'|'.join(FOLDERS)})/[\w./*-]+", code)
    }
)


@pytest.mark.parametrize("path", PATHS)
def test_file_that_is_named_is_there(path):
    assert [*REPO.glob(path)]


def test_walk_names_the_files_that_a_token_passes():
    walk = TEXT.partition("## From a token")[2].partition("\n## ")[0]
    assert len(re.findall(r"`kgnb/[\w/-]+\.(?:py|js)`", walk)) >= 20


def test_layout_has_every_package():
    layout = TEXT.partition("## How the repository")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `kgnb/(\w+)`", layout, re.MULTILINE))
    present = {path.parent.name for path in REPO.glob("kgnb/*/__init__.py")}
    assert present <= named, f"not told of: {present - named}"


def test_what_is_generated_names_every_script():
    named = set(re.findall(r"scripts/(\w+\.py)", TEXT))
    assert named == {path.name for path in (REPO / "scripts").glob("*.py")}


@pytest.mark.parametrize("mark", re.findall(r"scripts/test -m (\w+)", TEXT))
def test_mark_that_is_named_is_known(mark, pytestconfig):
    assert any(line.startswith(f"{mark}:") for line in pytestconfig.getini("markers"))
