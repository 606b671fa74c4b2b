"""``kgnb.compare``: two runs side by side."""

import asyncio
import collections
import dataclasses
import gc
import json
import math
import subprocess
import sys
import threading

import msgspec
import numpy as np
import pandas as pd
import pytest

import kgnb
from kgnb.errors import InvalidValue, NoSuchRun
from kgnb.panel.bundle import final_bundle
from kgnb.panel.display import RunDisplay
from kgnb.protocol.record import static_record
from kgnb.protocol.view import RunView
from kgnb.runtime import hooks
from kgnb.runtime.comparing import values
from kgnb.runtime.comparing.paths import Visit, align, folded, visits_of


class Draft(kgnb.Node):
    def exec(self, prep_res):
        return prep_res

    def post(self, shared, prep_res, exec_res):
        shared["drafts"] = shared.get("drafts", 0) + 1


class Review(kgnb.Node):
    def post(self, shared, prep_res, exec_res):
        return "approve" if shared["drafts"] >= shared["wanted"] else "reject"


class Publish(kgnb.Node):
    def prep(self, shared):
        return shared["drafts"]

    def exec(self, prep_res):
        return f"edition {prep_res}"


def article():
    draft, review = Draft(), Review()
    draft >> review
    review - "reject" >> draft
    review - "approve" >> Publish()
    return kgnb.Graph(draft, name="Article")


def ran(wanted, **shared):
    run = kgnb.run(article(), {"wanted": wanted, **shared})
    run.result(20)
    return run


def kinds(comparison):
    return [(step.node, step.kind) for step in comparison.path]


def test_compare_of_equal_runs_is_the_same():
    comparison = kgnb.compare(ran(2), ran(2))
    assert comparison.same
    assert comparison.diverges is None
    assert comparison.state == ()
    assert repr(comparison) == ("a: Article completed | b: Article completed: the same")


def test_compare_of_a_longer_way_shows_where_it_parts():
    comparison = kgnb.compare(ran(1), ran(2).result())
    assert kinds(comparison) == [
        ("Draft", "same"),
        ("Review", "changed"),
        ("Draft", "added"),
        ("Review", "added"),
        ("Publish", "same"),
    ]
    parted = comparison.diverges
    assert (parted.a.action, parted.b.action) == ("approve", "reject")
    assert not comparison.same
    assert [repr(each) for each in comparison.results] == [
        "~ results['Publish']: 'edition 1' → 'edition 2'",
        "~ result: 'edition 1' → 'edition 2'",
    ]


def test_compare_of_states_names_each_place():
    a = ran(1, plan={"steps": [1, 2], "old": 1})
    b = ran(1, plan={"steps": [1, 3, 4]}, new="x")
    assert [repr(each) for each in kgnb.compare(a, b).state] == [
        "~ shared['plan']['steps'][1]: 2 → 3",
        "+ shared['plan']['steps'][2]: 4",
        "- shared['plan']['old']: 1",
        "+ shared['new']: 'x'",
    ]


def test_compare_of_a_failed_run_shows_its_error():
    class Breaks(kgnb.Node):
        def exec(self, prep_res):
            if self.params["breaks"]:
                raise ValueError("no ink")

    def run(breaks):
        graph = kgnb.Graph(Breaks(), name="G")
        graph.set_params({"breaks": breaks})
        run = kgnb.run(graph)
        if breaks:
            with pytest.raises(ValueError, match="no ink"):
                run.result(20)
        else:
            run.result(20)
        return run

    comparison = kgnb.compare(run(breaks=False), run(breaks=True))
    assert comparison.statuses == ("completed", "failed")
    assert comparison.diverges.b.outcome == "failed"
    assert "differ in outcome, path (from Breaks:1 on), results" in repr(comparison)


def test_compare_by_id_reads_the_process_or_the_log(eventually):
    a, b = ran(1), ran(2)
    by_id = kgnb.compare(a.id, b.id)
    assert by_id.path == kgnb.compare(a, b).path
    assert by_id.state is not None
    ids = a.id, b.id
    path = by_id.path
    del a, b, by_id
    home = kgnb.runtime.home.current()

    def are_gone():
        gc.collect()  # a run and its parts know each other
        return not any(home.known(run_id) for run_id in ids)

    eventually(are_gone)
    of_the_log = kgnb.compare(*ids)
    assert of_the_log.path == path
    assert of_the_log.state is None
    assert "not known" in repr(kgnb.compare(ids[0], ids[0]))


def test_compare_by_an_unknown_id_says_so():
    ran(1)
    with pytest.raises(NoSuchRun):
        kgnb.compare("0" * 32, "1" * 32)


def test_compare_of_saved_outputs_tells_no_order():
    a, b = ran(1), ran(2)
    saved = []
    for run in (a, b):
        data, metadata = final_bundle(run.view)
        saved.append(json.loads(json.dumps({"data": data, "metadata": metadata})))
    comparison = kgnb.compare(*saved)
    assert not comparison.is_ordered
    assert comparison.state is None
    assert [repr(step) for step in comparison.path] == [
        "~ Draft:1 → default | Draft:2 → default",
        "~ Review:1 → approve | Review:2 → approve",
        "  Publish:1 → default",
    ]
    assert comparison.timings["Draft"].ratio is None or comparison.timings.total.a
    bare = kgnb.compare(static_record(a.view), saved[0])
    assert bare.same
    assert bare.timings.total.a is None
    assert kgnb.compare(a, saved[0]).same
    assert kgnb.compare(a.view.to_dict(), a).same


@pytest.mark.parametrize(
    "thing", [None, 3, {}, {"nodes": 3}, {"timeline": 1, "nodes": {}}]
)
def test_compare_of_something_else_says_what_was_expected(thing):
    with pytest.raises(InvalidValue, match="compare: "):
        kgnb.compare(thing, thing)


def test_compare_of_a_run_that_goes_on_takes_it_as_it_is(eventually):
    class Waits(kgnb.AsyncNode):
        async def exec_async(self, prep_res):
            await asyncio.Event().wait()

    draft = Draft()
    draft >> Waits()
    run = kgnb.run(kgnb.Graph(draft, name="G"))
    eventually(lambda: "Waits" in [visit.node_id for visit in run.view.timeline])
    comparison = kgnb.compare(run, run)
    assert comparison.same
    assert comparison.statuses == ("running", "running")
    run.cancel()


# The way.


def visits(names):
    seen = collections.Counter()
    made = []
    for each in names.split():
        node, _, action = each.partition("/")
        seen[node] += 1
        made.append(
            Visit(
                node=node,
                number=seen[node],
                outcome="completed",
                action=action or "default",
            )
        )
    return made


def test_align_keeps_the_order_of_both():
    a, b = visits("A B/x C B/y D"), visits("B/x A C E D")
    steps = align(a, b)
    assert [step.a for step in steps if step.a] == a
    assert [step.b for step in steps if step.b] == b
    assert sum(step.a is not None and step.b is not None for step in steps) == 3


def test_folded_path_keeps_what_is_around_a_difference():
    names = " ".join(f"N{i}" for i in range(20))
    steps = align(visits(names), visits(names + " End"))
    assert [repr(each) for each in folded(steps)] == [
        "  … 18 visits alike",
        "  N18:1 → default",
        "  N19:1 → default",
        "+ End:1 → default",
    ]


def test_path_of_parallel_branches_is_not_that_of_their_arrival():
    def view(first, second):
        spans = {first: ("01", "05"), second: ("02", "04"), "Z": ("06", "07")}
        return RunView(
            graph={"nodes": []},
            timeline=[
                {
                    "node_id": node,
                    "task_id": f"{node}:1",
                    "status": "completed",
                    "started_at": start,
                    "ended_at": end,
                }
                for node, (start, end) in spans.items()
            ],
        )

    def names(raw):
        converted = msgspec.convert(msgspec.to_builtins(raw), RunView)
        return [visit.name for visit in visits_of(converted)]

    assert names(view("A", "B")) == names(view("B", "A")) == ["A:1", "B:1", "Z:1"]


def test_path_of_parallel_passes_is_the_same_in_every_execution():
    class Passes(kgnb.graph.AsyncParallelBatchGraph):
        async def prep_async(self, shared):
            return [{"wait": wait} for wait in shared["waits"]]

    class One(kgnb.AsyncNode):
        async def exec_async(self, prep_res):
            await asyncio.sleep(self.params["wait"])

    class Two(One):
        pass

    def run(waits):
        one = One()
        one >> Two()
        run = kgnb.run(kgnb.Graph(Passes(one), name="G"), {"waits": waits})
        run.result(20)
        return run

    a, b = run([0.0, 0.01, 0.02]), run([0.02, 0.0, 0.01])
    comparison = kgnb.compare(a, b)
    assert comparison.diverges is None
    assert [step.a.name for step in comparison.path] == [
        "Passes:1",
        *(f"Passes/{node}:{n}" for node in ("One", "Two") for n in (1, 2, 3)),
    ]


# Values.


@dataclasses.dataclass
class Point:
    x: int
    tags: set = dataclasses.field(default_factory=set)


class Plain:
    def __init__(self, value):
        self.value = value


class Hostile:
    __hash__ = None

    def __eq__(self, other):
        raise RuntimeError("never")

    def __repr__(self):
        raise RuntimeError("never")


FRAME = pd.DataFrame({"a": [1.0, math.nan]})


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.arange(3), np.arange(3)),
        (np.array([1.0, math.nan]), np.array([1.0, math.nan])),
        (FRAME, FRAME.copy()),
        (FRAME["a"], FRAME["a"].copy()),
        (math.nan, math.nan),
        (1, 1.0),
        (Plain([1]), Plain([1])),
        (Point(1, {"a"}), Point(1, {"a"})),
        ({1, 2}, {2, 1}),
        (np.float64(2.0), np.float64(2.0)),
        (threading.Lock(), threading.Lock()),
        (object(), object()),
    ],
)
def test_differences_of_equal_values_are_none(a, b):
    assert values.differences({"v": a}, {"v": b}, "shared") == ()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (np.arange(3), np.arange(4), "~ v: ndarray 3 of int64 → ndarray 4 of int64"),
        (np.arange(3), np.arange(1, 4), "~ v: ndarray 3 of int64 → other content"),
        (
            FRAME,
            FRAME.fillna(0),
            "~ v: DataFrame 2 \N{MULTIPLICATION SIGN} 1 → other content",
        ),
        (np.arange(2), [0, 1], "~ v: ndarray 2 of int64 → [0, 1]"),
        (True, 1, "~ v: True → 1"),
        ((1, 2), [1, 2], "~ v: (1, 2) → [1, 2]"),
        (Point(1), Point(2), "~ v.x: 1 → 2"),
        (Point(1, {"a", "b"}), Point(1, {"b"}), "- v.tags{'a'}: 'a'"),
        (Plain([1]), Plain([2]), "~ v.value[0]: 1 → 2"),
        (
            "x" * 500,
            "x" * 250 + "yes" + "x" * 9,
            f"…'{'x' * 90}'… (500 characters) → …'{'x' * 30}yes{'x' * 9}' (262 char",
        ),
        (list(range(300)), [*range(299), 0], "differs from item 299 on"),
        (Hostile(), Hostile(), "~ v: <Hostile instance> → other content"),
        (min, max, "~ v: <built-in function min> → <built-in function max>"),
        (lambda: 1, lambda: 2, "<lambda>> → other content"),
    ],
)
def test_differences_of_other_values_are_told_in_words(a, b, expected):
    (found,) = values.differences(a, b, "v")
    assert expected in repr(found)


def test_differences_of_values_that_contain_themselves_end():
    a, b = {"n": 1}, {"n": 2}
    a["me"], b["me"] = a, b
    (found,) = values.differences(a, b, "v")
    assert found.path == "v['n']"


def test_differences_of_deep_values_end():
    a = b = None
    for _ in range(3_000):
        a, b = [a], [b]
    assert len(values.differences([a, 1], [b, 2], "v")) <= 2


# What is shown.


SHOWN = """
import kgnb
from kgnb.runtime import hooks
from kgnb.panel.display import RunDisplay
hooks.install(RunDisplay())
class Any(kgnb.Node):
    def post(self, shared, p, r):
        shared["tags"] = {"x", "y", shared["one"]}
        shared["thing"] = object()
def ran(one):
    run = kgnb.run(kgnb.Graph(Any(), name="G"), {"one": one})
    run.result(20)
    return run
c = kgnb.compare(ran("p"), ran("q"))
print(c, c._repr_html_())
"""


def test_comparison_shows_the_same_in_every_execution():
    first, second = (
        subprocess.run(
            [sys.executable, "-c", SHOWN],
            env={"PATH": "/usr/bin", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert "0x" not in first


def test_comparison_html_is_safe_and_whole():
    hooks.install(RunDisplay())
    a = ran(1, text="<script>alert(1)</script>", hidden="a\u202eb")
    html = kgnb.compare(a, ran(3, text="&", hidden="ab"))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\u202e" not in html
    assert 'scope="row"' in html
    assert "≠ differs" in html
    assert "+ only in b" in html


def test_comparison_without_a_panel_has_text_alone():
    hooks.install(None)
    assert kgnb.compare(ran(1), ran(1))._repr_html_() is None


def test_timings_tell_seconds_and_ratio():
    timings = kgnb.compare(ran(1), ran(2)).timings
    assert list(timings) == ["Draft", "Review", "Publish"]
    assert timings.total.a > 0
    assert "total" in repr(timings)
    assert "b/a" in repr(timings)


def test_compare_of_langgraph_runs_compares_their_state():
    from langgraph.graph import START, StateGraph

    def graph():
        from typing import TypedDict

        class Text(TypedDict, total=False):
            text: str
            size: int

        built = StateGraph(Text)
        built.add_node("measure", lambda state: {"size": len(state["text"])})
        built.add_edge(START, "measure")
        return built.compile()

    a = kgnb.run(graph(), {"text": "tide"})
    b = kgnb.run(graph(), {"text": "moons"})
    a.result(20)
    b.result(20)
    assert [repr(each) for each in kgnb.compare(a, b).state] == [
        "~ shared['text']: 'tide' → 'moons'",
        "~ shared['size']: 4 → 5",
    ]
