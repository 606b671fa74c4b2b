"""The table of rules: each has its tests, and each test named is there.

A file of ``rules/`` holds one topic: ``[[rule]]`` entries with ``text`` (the rule),
``tests`` (ids as pytest collects them, parameters left out) and, where kgnb does
better than KayGraph, ``differs`` (how, and why nobody can miss the old way).
"""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIELDS = {"text", "tests", "differs"}


def topics():
    files = sorted((HERE / "rules").glob("*.toml"))
    return {file.stem: tomllib.loads(file.read_text())["rule"] for file in files}


RULES = [(topic, rule) for topic, rules in topics().items() for rule in rules]


def pytest_name(pair):
    return f"{pair[0]}: {pair[1].get('text', '')[:60]}"


@pytest.fixture(scope="module")
def collected(collect):
    return collect({test for _, rule in RULES for test in rule.get("tests", [])})


@pytest.mark.parametrize("pair", RULES, ids=pytest_name)
def test_rule_is_whole_and_its_tests_are_collected(pair, collected):
    _, rule = pair
    assert set(rule) <= FIELDS
    assert rule["text"].strip()
    assert rule["tests"], "a rule without a test"
    missing = [test for test in rule["tests"] if test not in collected]
    assert not missing, f"not collected: {missing}"
    assert len(set(rule["tests"])) == len(rule["tests"])


def test_rules_are_all_different():
    counts = Counter(" ".join(rule["text"].lower().split()) for _, rule in RULES)
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(
    "topic",
    [
        "names",
        "constructors",
        "lifecycle",
        "variants",
        "wiring",
        "graphs",
        "fixed-faults",
        "watching",
        "interactive",
        "composition",
        "persistence",
        "yaml",
    ],
)
def test_every_topic_has_rules(topic):
    assert topics().get(topic)
