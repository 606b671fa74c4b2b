"""The benchmark of what watching costs works, and every way makes all its pieces."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import watching


def test_every_way_makes_its_steps_and_tokens(capsys):
    watching.main(steps=20, tokens=20, visits=20, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    titles = [line for line in lines[1:] if not line.startswith(" ")]
    assert [line.split(",")[0] for line in titles] == [
        "LangGraph",
        "LangGraph with InMemorySaver",
        "LangGraph",
        "LangGraph",
        "LangGraph",
        "PocketFlow",
    ]
    assert len(lines) == 1 + 6 + 4 * 5 + 4 + 3


def test_a_way_that_makes_too_few_is_refused():
    with pytest.raises(RuntimeError, match="short made 1 of 2"):
        watching.measure({"short": lambda: 1}, 2, rounds=1, pick=min)
