"""The page of proof: what the commands print is what README and docs show."""

import json
import runpy
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
PROOF = runpy.run_path(str(REPO / "scripts" / "proof.py"))
FAULTS = """checked: 3 runs
faults: 19 kinds, 338 injections, 0 promises broken, all schedules (4 black_hole, 7 kill_kernel)
"""
FUZZ = """bad input: 1,000,000 frames (900,000 by seeds, 100,000 by hypothesis, \
0 by atheris), 0 uncaught, 599 s
next: 654 malformed frames, 120 texts that are almost JSON
"""
FORMS = """counted: 134 forms of XSS in Chromium, streamed as text
counted: 52 forms of exfiltration in Chromium, streamed as text
counted: 0 requests that these made
"""
SOAK = """| | |
|---|---|
| minutes | 30 |
| clients at a time | 1,000 |
| of which read too slowly | 50 |
| times that one left and came back | 34,000 |
| runs ended | 1,400 |
| deliveries checked | 6,000,000 |
| missing | 0 |
| out of order, or twice | 0 |
| memory before, at most, after | 90 MB / 180 MB / 160 MB |
| file descriptors before, after | 12 / 12 |
"""
FOUND = {
    "machine": "2 cores",
    "short": True,
    "versions": {"kgnb": "1", "tornado": "2"},
    "sections": {
        "What a step costs": [
            {
                "what": "a step, watched, sync",
                "unit": "µs",
                "kgnb": 40.0,
                "peer": "LangGraph astream",
                "theirs": 400.0,
                "is_more_better": False,
                "target": 25,
                "target_ratio": None,
                "ratio": 0.1,
                "met": False,
            }
        ]
    },
}


@pytest.fixture
def folder(tmp_path):
    said = {"faults": FAULTS, "fuzz": FUZZ, "forms": FORMS, "soak": SOAK}
    for part, text in {**said, "benchmarks": ""}.items():
        (tmp_path / f"{part}.txt").write_text(text)
    (tmp_path / "benchmarks.json").write_text(json.dumps(FOUND))
    return tmp_path


def test_parts_that_were_run_are_told_and_not_run_again(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["proof.py", str(folder), "--print"])
    PROOF["main"]()
    said = capsys.readouterr().out
    for words in (
        "| 19 kinds, 338 injections, 0 promises broken, all schedules |",
        "| 1,000,000 frames (900,000 by seeds, 100,000 by hypothesis, 0 by atheris), ",
        "0 uncaught; then 654 malformed frames, 120 texts that are almost JSON |",
        "| 134 forms of XSS and 52 of exfiltration in Chromium, ",
        "1,000 clients for 30 minutes, of which 50 read too slowly",
        "6,000,000 deliveries of 1,400 runs, 0 missing, 0 out of order or twice",
        "| 35, each with tests of its own |",
        "| a step, watched, sync | 40 µs | LangGraph astream | 400 µs | 0.1 | ≤ 25 µs ✗ |",
        "Short mode. 2 cores. kgnb 1, tornado 2.",
    ):
        assert words in said


def test_part_that_fails_ends_it_and_its_words_are_kept(tmp_path):
    run = PROOF["run"]
    run.__globals__["PARTS"] = {"soak": ["sh", "-c", "echo lost; exit 1"]}
    with pytest.raises(SystemExit, match="soak failed: see"):
        run("soak", tmp_path, is_short=False)
    assert (tmp_path / "soak.part").read_text() == "lost\n"
    assert not (tmp_path / "soak.txt").exists()


def test_output_of_another_kind_is_refused():
    with pytest.raises(SystemExit, match="run that part again"):
        PROOF["of_faults"]("0 passed")


@pytest.mark.parametrize("which", ["README", "PAGE"])
def test_files_have_their_blocks_filled(which):
    mark = {"README": "proof", "PAGE": "benchmarks"}[which]
    text = PROOF[which].read_text()
    block = text.partition(f"<!-- {mark} -->")[2].partition(f"<!-- /{mark} -->")[0]
    assert "kgnb / theirs" in block


def test_readme_counts_the_threats_there_are():
    table = tomllib.loads(PROOF["THREATS"].read_text())["threat"]
    assert f"| {len(table)}, each with tests" in PROOF["README"].read_text()
