"""The table of LangGraph's rules: each has its tests, and each test named is there.

``rules/langgraph.toml`` holds ``[[rule]]`` entries with ``text`` (the rule) and
``tests`` (ids as pytest collects them, parameters left out).
"""

import tomllib
from collections import Counter
from pathlib import Path

import pytest

RULES = tomllib.loads((Path(__file__).parent / "rules/langgraph.toml").read_text())
RULES = RULES["rule"]


@pytest.fixture(scope="module")
def collected(collect):
    return collect({test for rule in RULES for test in rule["tests"]})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["text"][:60])
def test_rule_of_langgraph_has_tests_that_are_collected(rule, collected):
    assert set(rule) == {"text", "tests"}
    assert rule["text"].endswith(".")
    assert rule["tests"], "a rule without a test"
    assert [test for test in rule["tests"] if test not in collected] == []


def test_rules_of_langgraph_are_all_different():
    counts = Counter(rule["text"].lower() for rule in RULES)
    assert max(counts.values()) == 1
