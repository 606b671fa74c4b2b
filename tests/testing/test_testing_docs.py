"""What docs/testing.md shows is true."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from kgnb.runtime import home

DOCS = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_home_is_left(monkeypatch):
    for name in ("KGNB_MODE", "KGNB_ANSWERS", "KGNB_LINK_URL"):
        monkeypatch.delenv(name, raising=False)
    yield
    home.shutdown()


def test_tests_in_the_docs_pass(tmp_path):
    (source,) = blocks("python")
    path = tmp_path / "shown.py"
    path.write_text(source)
    tests = [
        value
        for name, value in runpy.run_path(str(path)).items()
        if name.startswith("test_")
    ]
    assert len(tests) == 3
    for test in tests:
        test()


def test_answers_in_the_docs_are_toml():
    (source,) = blocks("toml")
    assert tomllib.loads(source)["answers"]["Discount"] == {"percent": 10}
