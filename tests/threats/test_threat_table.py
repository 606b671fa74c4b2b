"""The table of threats: each has tests that pytest collects; the documents say so."""

import runpy
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPO = HERE.parent.parent
THREATS = tomllib.loads((HERE / "threats.toml").read_text())["threat"]
FIELDS = {"number", "threat", "answer", "tests", "but"}
SCRIPT = runpy.run_path(str(REPO / "scripts" / "threats.py"))


@pytest.fixture(scope="module")
def collected(collect):
    return collect({test for each in THREATS for test in each["tests"]})


def test_threats_are_numbered_from_1_to_35():
    assert [each["number"] for each in THREATS] == list(range(1, 36))


@pytest.mark.parametrize("each", THREATS, ids=lambda each: str(each["number"]))
def test_threat_has_tests_that_are_collected_or_a_sentence(each, collected):
    assert set(each) <= FIELDS
    assert each["threat"]
    assert each["answer"].endswith(".")
    assert each["tests"] or each["but"].endswith(".")
    assert [test for test in each["tests"] if test not in collected] == []
    assert len(set(each["tests"])) == len(each["tests"])


def test_page_is_that_of_the_table():
    assert (REPO / "docs" / "security.md").read_text() == SCRIPT["page"]()


def test_sentences_stand_in_the_readme():
    text = (REPO / "README.md").read_text()
    assert SCRIPT["sentences"]() in text
    assert SCRIPT["replaced"](text) == text
