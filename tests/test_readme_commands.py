"""Commands, addresses and settings that README and docs name are there."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from kgnb import cli
from kgnb.server.app import KgnbApp
from kgnb.server.calls.table import ROUTES

REPO = Path(__file__).parent.parent
PAGES = [
    *(REPO / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((REPO / "docs").glob("*.md")),
]
TEXT = "\n".join(page.read_text() for page in PAGES)
LINES = [
    line
    for block in re.findall(r"```(?:sh|bash)\n(.*?)```", TEXT, re.DOTALL)
    for line in block.replace("\\\n", "").splitlines()
    if line and not line.startswith("#") and not re.match(r"\w+=", line)
]
KNOWN = ("curl", "kgnb", "pip", "pytest", "scripts/")
"""How a line begins that a test here looks at."""
INLINE = sorted(set(re.findall(r"`(kgnb [a-z][^`=\n]*)`", TEXT)))
"""Commands within sentences; what has a ``=`` is a line of a log."""
EXTRAS = tomllib.loads((REPO / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
SOURCES = "\n".join(
    path.read_text()
    for pattern in ("kgnb/**/*.py", "tests/*/*.py", "scripts/*", "benchmarks/*.py")
    for path in REPO.glob(pattern)
    if path.is_file()
)


def commands(start):
    return [line for line in LINES if line.startswith(start)]


@pytest.mark.parametrize("line", LINES)
def test_line_of_a_shell_block_is_looked_at(line):
    assert line.startswith(KNOWN), f"add a test of {line!r}, or its beginning to KNOWN"


@pytest.mark.parametrize("line", [*commands("kgnb"), *INLINE])
def test_kgnb_command_is_there_with_its_options(line, capsys):
    words = shlex.split(line.partition("…")[0], comments=True)[1:]
    known = []
    for word in words:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        known.append(word)
    helps = []
    for depth in (2, 1):  # "kgnb ci init", and "kgnb serve module"
        with pytest.raises(SystemExit) as ended:
            cli.main([*known[:depth], "--help"])
        said = capsys.readouterr()
        if ended.value.code == 0:
            helps.append(said.out)
    assert helps, said.err
    for flag in re.findall(r"--[\w-]+", line):
        assert flag in helps[0], f"{flag} is no option of {line!r}"


@pytest.mark.parametrize("line", commands("curl"))
def test_address_of_a_curl_command_is_served(line):
    url = re.search(r'"\$URL/([^"?]+)', line)[1]
    path = re.sub(r"\$\w+", "an-id", url)
    asked = re.search(r"-X (\w+)", line)
    method = asked[1] if asked else "POST" if " -d " in line else "GET"
    assert any(
        route.method == method and re.fullmatch(route.path, path) for route in ROUTES
    )


@pytest.mark.parametrize("name", sorted(set(re.findall(r"kgnb\[([\w,]+)\]", TEXT))))
def test_extra_is_there(name):
    assert set(name.split(",")) <= set(EXTRAS)


@pytest.mark.parametrize("line", commands("pytest"))
def test_option_of_pytest_is_there(line, pytestconfig):
    known = {
        name
        for option in pytestconfig._parser._anonymous.options
        + [each for group in pytestconfig._parser._groups for each in group.options]
        for name in option.names()
    }
    for flag in re.findall(r"(--[\w-]+)", line):
        assert flag in known


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bKGNB_[A-Z_]+\b", TEXT))))
def test_variable_is_read_somewhere(name):
    assert name in SOURCES


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bKgnbApp\.([a-z_]+)", TEXT))))
def test_setting_is_a_trait(name):
    assert KgnbApp.class_own_traits(config=True).get(name) is not None
