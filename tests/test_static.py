"""What the linters and type checkers say of the whole tree."""

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent


def tool(*command):
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    tool("ruff", "check")


def test_code_is_formatted():
    tool("ruff", "format", "--check")


def test_mypy_finds_nothing():
    tool("mypy")


def test_pyright_finds_nothing():
    tool("pyright", "--pythonpath", sys.executable)


def test_imports_point_inward():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_wire_types_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "scripts/wire_types.py", "--check"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(REPO.glob("kgnb/**/*.py")), ids=str)
def test_module_stays_within_500_lines(path):
    if "node_modules" not in path.parts:
        assert len(path.read_text().splitlines()) <= 500
