"""The tables: each threat and advisory has tests that pytest collects; the documents
say so.
"""

import re
import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPO = HERE.parent.parent
SCRIPT = runpy.run_path(str(REPO / "scripts" / "threats.py"))
THREATS = SCRIPT["threats"]()
ADVISORIES = SCRIPT["advisories"]()
FIELDS = {"number", "threat", "answer", "tests", "but"}
ADVISORY = re.compile(
    r"CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|[\w-]+/[\w-]+#\d+"
)


@pytest.fixture(scope="module")
def collected(collect):
    return collect({test for each in THREATS + ADVISORIES for test in each["tests"]})


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


@pytest.mark.parametrize("each", ADVISORIES, ids=lambda each: each["ids"][0])
def test_advisory_has_tests_that_are_collected(each, collected):
    assert set(each) == {"ids", "hole", "answer", "tests"}
    assert all(ADVISORY.fullmatch(name) for name in each["ids"])
    assert each["answer"].endswith(".")
    assert each["tests"]
    assert [test for test in each["tests"] if test not in collected] == []


def test_advisory_stands_there_once():
    named = [name for each in ADVISORIES for name in each["ids"]]
    assert len(set(named)) == len(named)


def test_page_is_that_of_the_tables():
    assert (REPO / "docs" / "security.md").read_text() == SCRIPT["page"]()


def test_sentences_stand_in_the_readme():
    text = (REPO / "README.md").read_text()
    assert SCRIPT["sentences"]() in text
    assert SCRIPT["replaced"](text) == text
