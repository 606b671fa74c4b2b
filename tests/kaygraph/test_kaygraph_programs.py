"""Whole programs in KayGraph's manner, one for each pattern of its workbook.

Each is written against KayGraph's documented names and has one line of kgnb in it,
the import. It must do the same run alone, watched by ``kgnb.run`` and as a script.
"""

import asyncio
import importlib.util
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kgnb

PROGRAMS = Path(__file__).parent / "programs"


def ask_for(lines):
    return io.StringIO("".join(f"{line}\n" for line in lines))


CASES = {
    "batch": (
        lambda: {"files": {"b": "Tides rise. Slowly.", "a": "Wind.", "c": ""}},
        lambda shared: shared["report"] == "2 summaries\na: Wind\nb: Tides rise",
        "reported",
    ),
    "nested_batch": (
        lambda: {
            "schools": {"north": {"ada": [9, 12], "grace": [8]}, "south": {"b": [4]}}
        },
        lambda shared: (
            shared["grades"]
            == {("north", "ada"): 9.5, ("north", "grace"): 8, ("south", "b"): 4}
        ),
        "graded",
    ),
    "parallel_batch": (
        lambda: {"urls": [f"page-{number}" for number in range(12)]},
        lambda shared: (
            shared["pages"] == [f"PAGE-{number}" for number in range(12)]
            and shared["lengths"] == [6] * 10 + [7] * 2
            and shared["threads"] > 1
        ),
        "fetched",
    ),
    "fault_tolerance": (
        lambda: {"cache": "cached"},
        lambda shared: (
            shared["first"] == ("from the service", 3)
            and shared["second"] == "cached (the service is down)"
            and shared["errors"] == ["ZeroDivisionError"]
            and [tries for _, tries in shared["items"]]
            == [1, 2, 1, 2, 1, 2, "given up", 2]
        ),
        "survived",
    ),
    "supervisor": (
        lambda: {
            "tasks": ["find tides", "write article"],
            "done": [],
            "results": [],
            "tries": {},
        },
        lambda shared: (
            shared["orders"] == ["research", "write", "finish"]
            and shared["summary"].count("writer: write article") == 2
        ),
        "done",
    ),
    "agent_loop": (
        lambda: {"messages": [{"role": "user", "content": "How long is neap tide?"}]},
        lambda shared: shared["answer"] == "neap tide has 8 letters",
        "answered",
    ),
    "validated_pipeline": (
        lambda: {
            "rows": [{"name": " grace ", "points": 7}, {"name": "ada", "points": 11}]
        },
        lambda shared: shared["summary"] == ["Grace 0.7"],
        "published",
    ),
}

CHAT = ["hello", "/clear", "and again", "once more", "/exit"]


def load(name):
    spec = importlib.util.spec_from_file_location(
        f"program_{name}", PROGRAMS / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_alone(graph, shared):
    if hasattr(graph, "run_async"):
        return asyncio.run(graph.run_async(shared))
    return graph.run(shared)


def run_watched(graph, shared):
    run = kgnb.run(graph, shared, panel=False)
    result = run.result(60)
    assert run.status == "completed"
    assert result.shared is shared
    assert {node.status for node in run.view.nodes.values()} <= {"completed", "idle"}
    return result.action


@pytest.mark.parametrize("runner", [run_alone, run_watched])
@pytest.mark.parametrize("name", CASES)
def test_program_does_the_same_alone_and_watched(name, runner):
    make_shared, is_right, action = CASES[name]
    shared = make_shared()
    assert runner(load(name).build(), shared) == action
    assert is_right(shared), shared


def test_chat_talks_in_the_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdin", ask_for(CHAT))
    shared = {"history": []}
    load("chat").build().run_interactive(shared, max_iterations=20)
    assert [m["content"] for m in shared["history"][::2]] == ["and again", "once more"]
    assert shared["farewell"] == "bye"
    assert "_exit" not in shared


def test_chat_is_answered_in_the_panel_when_watched():
    shared = {"history": []}
    graph = load("chat").build()

    def chat(shared):
        return graph.run_interactive(shared, max_iterations=20)

    run = kgnb.run(chat, shared, panel=False, answers=list(CHAT))
    run.result(60)
    assert [m["content"] for m in shared["history"][::2]] == ["and again", "once more"]
    assert [a.value for a in run.approvals] == CHAT


@pytest.mark.parametrize("name", [*CASES, "chat"])
def test_program_runs_as_a_script(name):
    done = subprocess.run(
        [sys.executable, PROGRAMS / f"{name}.py"],
        input=ask_for(CHAT).getvalue(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "path", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem
)
def test_program_names_kgnb_in_one_line(path):
    lines = [
        line for line in path.read_text().splitlines() if re.search(r"\bkgnb\b", line)
    ]
    assert lines == ["import kgnb.graph as kaygraph"]
    assert path.stem in {*CASES, "chat"}
