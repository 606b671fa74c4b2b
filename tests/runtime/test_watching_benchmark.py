"""The benchmark of what watching costs works, and every way makes all its pieces."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import watching
from benchmarks.results import beside


def test_every_way_makes_its_steps_and_tokens():
    found = dict(watching.costs(steps=20, tokens=20, visits=20, rounds=1))
    assert [len(ways) for ways in found.values()] == [5, 5, 5, 5, 4, 3]
    for title, ways in found.items():
        lines = beside(title, ways, ours="kgnb, watched")
        assert len(lines) == len(ways) - 2
        assert all(line.ratio > 0 for line in lines)


def test_a_way_that_makes_too_few_is_refused():
    with pytest.raises(RuntimeError, match="short made 1 of 2"):
        watching.measure({"short": lambda: 1}, 2, rounds=1, pick=min)
