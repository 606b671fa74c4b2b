"""A persistent graph: its loop, its files, and going on in another process."""

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import itertools
import json
import math
import pickle
import subprocess
import sys
import textwrap
import uuid
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kgnb
import kgnb.graph as kaygraph
from kgnb.errors import GraphError, InvalidValue
from kgnb.graph.checkpoint_values import TAG, Writer, read


class Add(kaygraph.Node):
    def __init__(self, name=None, action=None, error=None, **options):
        super().__init__(node_id=name, **options)
        self.action = action
        self.error = error

    def exec(self, prep_res):
        if self.error is not None:
            raise self.error

    def post(self, shared, prep_res, exec_res):
        shared.setdefault("ran", []).append(self.node_id)
        return self.action


def row(*nodes, **options):
    for node, following in itertools.pairwise(nodes):
        node >> following
    return kaygraph.PersistentGraph(nodes[0], **options)


def state(path):
    return json.loads(Path(path).read_text())


# Its own loop.


def test_constructor_takes_start_and_directory(tmp_path):
    first = Add("a")
    graph = kaygraph.PersistentGraph(first, tmp_path)
    assert graph.start_node is first
    assert isinstance(graph, kaygraph.Graph)
    assert kaygraph.PersistentGraph().start_node is None


def test_run_returns_shared():
    shared = {}
    assert row(Add("a"), Add("b")).run(shared) is shared
    assert shared["ran"] == ["a", "b"]


def test_nodes_run_themselves_not_as_copies():
    class Keep(Add):
        def post(self, shared, prep_res, exec_res):
            self.visits = getattr(self, "visits", 0) + 1
            return "again" if self.visits < 3 else None

    node = Keep("a")
    node - "again" >> node
    kaygraph.PersistentGraph(node).run({})
    assert node.visits == 3


def test_params_and_config_are_not_handed_down(runner):
    seen = []

    class Look(Add):
        def prep(self, shared):
            seen.append((dict(self.params), self.config.to_dict()))

    node = Look("a")
    node.set_params({"mine": 1})
    graph = kaygraph.PersistentGraph(node, config=kaygraph.Config(x=1))
    graph.set_params({"graph's": 1})
    runner(graph, {})
    assert seen == [({"mine": 1}, {})]


def test_unknown_action_ends_without_a_warning(runner):
    shared = {}
    runner(row(Add("a", action="nowhere"), Add("b")), shared)
    assert shared["ran"] == ["a"]


def test_empty_action_is_not_the_default_one(runner):
    shared = {}
    runner(row(Add("a", action=""), Add("b")), shared)
    assert shared["ran"] == ["a"]


def test_prep_and_post_of_the_graph_are_not_called(runner):
    class Refuse(kaygraph.PersistentGraph):
        def prep(self, shared):
            raise AssertionError

        def post(self, shared, prep_res, exec_res):
            raise AssertionError

    runner(Refuse(Add("a")), {})


def test_nested_graph_routes_by_its_last_action(runner):
    inner = kaygraph.PersistentGraph(Add("a", action="on"))
    inner - "on" >> Add("b")
    shared = {}
    runner(kaygraph.Graph(inner), shared)
    assert shared["ran"] == ["a", "b"]


def test_watched_run_shows_its_nodes_and_writes(tmp_path):
    graph = row(Add("a"), Add("b", action="end"), checkpoint_dir=tmp_path)
    run = kgnb.run(graph, {}, panel=False)
    assert run.result(30).action == "end"
    assert {k: v.visits for k, v in run.view.nodes.items()} == {"a": 1, "b": 1}
    assert len(graph.list_checkpoints()) == 2


def test_watched_graph_may_hold_async_nodes(tmp_path):
    class Later(kaygraph.AsyncNode):
        async def post_async(self, shared, prep_res, exec_res):
            shared["later"] = True

    graph = row(Add("a"), Later(node_id="b"), checkpoint_dir=tmp_path)
    shared = kgnb.run(graph, {}, panel=False).result(30).shared
    assert shared["later"] is True
    assert graph.resume_from_checkpoint() == (shared, None)


# Checkpoints.


def test_checkpoint_before_each_node(tmp_path):
    graph = row(Add("a"), Add("b"), checkpoint_dir=tmp_path)
    graph.run({"x": 1})
    assert [path.name for path in graph.list_checkpoints()] == [
        "checkpoint_000001.json",
        "checkpoint_000002.json",
    ]
    second = state(tmp_path / "checkpoint_000002.json")
    assert set(second) == {"timestamp", "counter", "node_id", "shared"}
    assert (second["counter"], second["node_id"]) == (2, "b")
    assert second["shared"] == {"x": 1, "ran": ["a"]}
    dt.datetime.fromisoformat(second["timestamp"])


def test_checkpoints_are_listed_by_their_numbers(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    for name in ("checkpoint_1000000.json", "checkpoint_999999.json"):
        (tmp_path / name).touch()
    graph.run({"x": 1})
    assert [path.stem[-7:] for path in graph.list_checkpoints()] == [
        "_999999",
        "1000000",
        "1000001",
    ]


def test_latest_is_the_last_checkpoint_while_it_runs(tmp_path):
    class Look(Add):
        def prep(self, shared):
            shared["latest"] = state(tmp_path / "latest.json")["node_id"]

    shared = row(Add("a"), Look("b"), checkpoint_dir=tmp_path).run({})
    assert shared["latest"] == "b"


def test_latest_at_the_end_holds_what_came_out(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    shared = graph.run({})
    assert graph.resume_from_checkpoint() == (shared, None)
    assert graph.resume_from_checkpoint(str(tmp_path / "checkpoint_000001.json")) == (
        {},
        "a",
    )


def test_no_directory_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = row(Add("a"))
    graph.run({})
    assert graph.list_checkpoints() == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="checkpoint_dir"):
        graph.resume_from_checkpoint()
    with pytest.raises(GraphError, match="checkpoint_dir="):
        graph.enable_checkpointing()


def test_checkpointing_can_be_switched(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path / "made" / "here")
    graph.disable_checkpointing()
    graph.run({})
    assert graph.list_checkpoints() == []
    graph.enable_checkpointing()
    graph.run({})
    assert len(graph.list_checkpoints()) == 1


def test_clear_deletes_checkpoints_and_nothing_else(tmp_path):
    other = tmp_path / "checkpoint_notes.json"
    other.write_text("mine")
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    graph.run({})
    graph.clear_checkpoints()
    assert list(tmp_path.iterdir()) == [other]


def test_counter_goes_on_and_overwrites_nothing(tmp_path):
    row(Add("a"), checkpoint_dir=tmp_path).run({"run": 1})
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    graph.run({"run": 2})
    assert [state(p)["shared"]["run"] for p in graph.list_checkpoints()] == [1, 2]


def test_saved_by_hand_it_names_the_file(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    path = graph.save_checkpoint({"x": 1}, "a")
    assert path == tmp_path / "checkpoint_000001.json"
    assert graph.resume_from_checkpoint(path) == ({"x": 1}, "a")


def test_overridden_save_is_told_each_node(tmp_path):
    told = []

    class Tell(kaygraph.PersistentGraph):
        def save_checkpoint(self, shared, node_id):
            told.append(node_id)

    first = Add("a")
    first >> Add("b")
    Tell(first).run({})
    assert told == ["a", "b", None]


def test_no_half_file_is_left_by_a_failed_write(tmp_path, monkeypatch):
    graph = row(Add("a"), Add("b"), checkpoint_dir=tmp_path)
    graph.run({})
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    monkeypatch.setattr(Path, "replace", _refuse)
    with pytest.raises(OSError, match="disk"):
        graph.run({"new": 1})
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


def _refuse(path, target):
    raise OSError("disk")


def test_graph_with_checkpoints_can_be_pickled(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    again = pickle.loads(pickle.dumps(graph))
    assert again.run({})["ran"] == ["a"]


# Going on.


def test_resume_runs_the_failed_node_and_what_follows(tmp_path):
    broken = Add("b", error=LookupError("no"))
    with pytest.raises(LookupError):
        row(Add("a"), broken, Add("c"), checkpoint_dir=tmp_path).run({})
    graph = row(Add("a"), Add("b"), Add("c"), checkpoint_dir=tmp_path)
    assert graph.resume_and_run()["ran"] == ["a", "b", "c"]


def test_resume_of_a_finished_run_runs_nothing(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    shared = graph.run({})
    assert graph.resume_and_run() == shared
    assert shared["ran"] == ["a"]


def test_resume_from_an_older_checkpoint(tmp_path):
    graph = row(Add("a"), Add("b"), checkpoint_dir=tmp_path)
    graph.run({})
    older = tmp_path / "checkpoint_000001.json"
    assert graph.resume_and_run(older)["ran"] == ["a", "b"]
    assert len(graph.list_checkpoints()) == 4


@pytest.mark.filterwarnings("ignore:checkpoint of")
def test_resume_fills_a_dict_that_brings_what_no_file_holds(tmp_path):
    broken = Add("b", error=LookupError("no"))
    with pytest.raises(LookupError):
        row(Add("a"), broken, checkpoint_dir=tmp_path).run({})
    shared = {"client": object()}
    graph = row(Add("a"), Add("b"), checkpoint_dir=tmp_path)
    assert graph.resume_and_run(shared=shared) is shared
    assert set(shared) == {"client", "ran"}


def test_resume_under_kgnb_shows_what_runs(tmp_path):
    broken = Add("b", error=LookupError("no"))
    with pytest.raises(LookupError):
        row(Add("a"), broken, checkpoint_dir=tmp_path).run({})
    graph = row(Add("a"), Add("b"), checkpoint_dir=tmp_path)
    run = kgnb.run(functools.partial(graph.resume_and_run), {}, panel=False)
    assert run.result(30).shared["ran"] == ["a", "b"]
    assert {k: v.visits for k, v in run.view.nodes.items()} == {"a": 0, "b": 1}


PROGRAM = """
    import sys
    import kgnb.graph as kaygraph

    class Step(kaygraph.Node):
        def exec(self, prep_res):
            if sys.argv[1] == "fail" and self.successors == {}:
                raise LookupError

        def post(self, shared, prep_res, exec_res):
            shared["steps"] = shared.get("steps", ()) + (1,)

    first, second = Step(), Step()
    first >> second
    graph = kaygraph.PersistentGraph(first, checkpoint_dir=sys.argv[2])
    if sys.argv[1] == "fail":
        graph.run({1: "one"})
    else:
        print(graph.resume_and_run())
"""


def test_resume_in_a_new_process_finds_unnamed_nodes(tmp_path):
    def process(mode):
        command = [sys.executable, "-c", textwrap.dedent(PROGRAM), mode, str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "LookupError" in process("fail").stderr
    done = process("resume")
    assert done.stdout.strip() == "{1: 'one', 'steps': (1, 1)}", done.stderr


def test_find_node_knows_the_picture_s_ids_and_given_ones():
    first, second = Add("same"), Add("same")
    graph = row(first, second)
    assert graph._find_node_by_id("same") is first
    assert graph._find_node_by_id("same_2") is second
    assert graph._find_node_by_id("other") is None


def test_own_find_node_is_asked(tmp_path):
    class Own(kaygraph.PersistentGraph):
        def _find_node_by_id(self, node_id):
            return self.start_node

    graph = Own(Add("a"), tmp_path)
    graph.save_checkpoint({}, "gone")
    assert graph.resume_and_run()["ran"] == ["a"]


def test_unknown_node_is_named_with_the_nearest(tmp_path):
    graph = row(Add("review"), Add("publish"), checkpoint_dir=tmp_path)
    graph.save_checkpoint({}, "reviw")
    with pytest.raises(GraphError) as caught:
        graph.resume_and_run()
    assert str(caught.value) == (
        "Cannot find node 'reviw' in PersistentGraph, which has review, publish; "
        "did you mean 'review'?"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"shared": {}}', "3"])
def test_file_that_is_no_checkpoint_is_named(tmp_path, text):
    (tmp_path / "latest.json").write_text(text)
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    with pytest.raises(InvalidValue, match=r"latest\.json is no checkpoint"):
        graph.resume_from_checkpoint()


def test_missing_file_is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        row(Add("a"), checkpoint_dir=tmp_path).resume_and_run()


# Data types.


class Colour(enum.IntEnum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: tuple[int, ...]


@dataclasses.dataclass
class Derived:
    x: int
    twice: int = dataclasses.field(init=False)

    def __post_init__(self):
        self.twice = 2 * self.x


def through_json(value):
    writer = Writer()
    back = read(json.loads(json.dumps(writer.write(value), allow_nan=False)))
    assert writer.losses == []
    return back


KEPT = [
    (1, (2, [3])),
    {1: "a", None: "b", (1, 2): "c", 1.5: "e"},
    {"__type__": "x", "value": 1},
    {TAG: "tuple", "value": [1]},
    {TAG: {TAG: 1}},
    {1, 2},
    frozenset({("a", 1)}),
    b"\x00\xff",
    bytearray(b"ab"),
    dt.datetime(2026, 11, 21, 3, 40, 44, 123, tzinfo=dt.UTC),
    dt.datetime(2026, 11, 21, 3, 40),  # noqa: DTZ001 - a naive one
    dt.date(2026, 11, 21),
    dt.time(3, 40),
    dt.timedelta(days=-1, microseconds=3),
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    Path("/a/b"),
    2 + 3j,
    10**40,
    float("inf"),
    "\ud800 lone",
    Colour.RED,
    Point(1, (2, 3)),
    Derived(4),
    [[], {}, (), set()],
]


@pytest.mark.parametrize("value", KEPT, ids=repr)
def test_value_comes_back_as_it_was(value):
    back = through_json(value)
    assert back == value
    assert type(back) is type(value) or isinstance(value, Path)


def test_nan_comes_back():
    back = through_json(float("nan"))
    assert math.isnan(back)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.sampled_from([TAG, 1, (2,), None]), inner)
    ),
    max_leaves=20,
)


@given(plain)
def test_any_nesting_comes_back(value):
    assert through_json(value) == value


class Client:
    def __init__(self):
        self.address = "here"
        self.callback = print


def test_object_is_kept_as_a_dict_and_functions_are_left_out_with_a_warning(tmp_path):
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    shared = {"client": Client(), "call": print, "list": [1, print]}
    with pytest.warns(UserWarning, match="checkpoint of") as caught:
        graph.save_checkpoint(shared, "a")
    texts = [str(warning.message) for warning in caught]
    assert any("shared['call'] (builtins:builtin_function" in text for text in texts)
    assert any(
        "shared['client']" in text and "kept as a dict" in text for text in texts
    )
    assert any("shared['list'][1]" in text for text in texts)
    data, _ = graph.resume_from_checkpoint()
    assert data == {"client": {"address": "here"}, "list": [1, None]}


def test_subclass_of_a_plain_type_is_told():
    writer = Writer()
    assert read(writer.write(Counter("a"))) == {"a": 1}
    assert writer.losses == ["shared (collections:Counter) is kept as a dict"]


def test_what_could_not_be_hashed_again_is_left_out():
    writer = Writer()
    written = writer.write({"set": {Client(), 1}, "dict": {Client(): 1, 2: 3}})
    assert read(written) == {"set": {1}, "dict": {2: 3}}
    assert len(writer.losses) == 2


def test_cycle_is_named(tmp_path):
    shared = {"a": {"b": []}}
    shared["a"]["b"].append(shared["a"])
    graph = row(Add("a"), checkpoint_dir=tmp_path)
    with pytest.raises(
        InvalidValue, match=r"shared\['a'\]\['b'\]\[0\] contains itself"
    ):
        graph.run(shared)


def test_value_in_two_places_is_no_cycle():
    inner = [1]
    assert through_json([inner, inner]) == [[1], [1]]


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ({TAG: "unknown", "value": 1}, "'unknown'"),
        ({TAG: "bytes", "value": 1}, "'bytes'"),
        ({TAG: ["x"]}, "cannot be read"),
        ({TAG: "dataclass", "value": ["m:C"]}, "cannot be read"),
        ({TAG: "enum", "value": [3, "RED"]}, "cannot be read"),
        ({TAG: "enum", "value": ["builtins:int", "x"]}, "no enum"),
        ({TAG: "dataclass", "value": ["builtins:int", {}]}, "no dataclass"),
        ({TAG: "dataclass", "value": ["subprocess:Gone", {}]}, "is not loaded"),
    ],
)
def test_bad_tag_is_named(value, match):
    with pytest.raises(InvalidValue, match=match):
        read(value)


def test_reading_imports_nothing():
    module = "this"
    assert module not in sys.modules
    with pytest.raises(InvalidValue, match="import or define it"):
        read({TAG: "dataclass", "value": [f"{module}:X", {}]})
    assert module not in sys.modules
