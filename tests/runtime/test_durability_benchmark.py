"""The benchmark of what durability costs works, and every way makes all its steps."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks import durability


def test_every_way_makes_its_steps_with_a_small_and_a_large_state(capsys, monkeypatch):
    monkeypatch.setenv("KGNB_LOG_URL", "")  # set by the benchmark, put back here
    durability.main(nodes=5, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith(("| LangGraph", "| kgnb"))]
    assert len(rows) == 2 * 5
    assert sum(line.count("1.00") for line in rows) >= 2
