"""``kgnb.publish``: what is announced, and the runs that others start of it."""

import asyncio
import dataclasses
import json
import threading

import msgspec
import pocketflow
import pydantic
import pytest

import kgnb
from kgnb.errors import InvalidValue, NotAGraph
from kgnb.graph import AsyncGraph, AsyncNode, Graph, Node
from kgnb.protocol import codec, link
from kgnb.runtime import home, publish
from kgnb.runtime.conversation import Conversation


class Client:
    """A client of the in-kernel broker, as a view behind the kernel is one."""

    def __init__(self, eventually):
        self.eventually = eventually
        self.frames = []
        self.home = home.current()
        port = self.home.link.submit(self.home._own_port()).result(5)

        def take(frame):
            self.frames.append(json.loads(frame))

        self.channel = self.home.on_link(
            lambda: port.conversation.open_channel("comm", take)
        )

    def say(self, **frame):
        data = json.dumps(frame).encode()
        self.home.on_link(lambda: self.channel.send(data))

    def wait(self, *kinds):
        """The first frame of a type since the last wait."""

        self.eventually(lambda: any(f["type"] in kinds for f in self.frames))
        while self.frames[0]["type"] not in kinds:
            self.frames.pop(0)
        return self.frames.pop(0)

    def start(self, workflow, **params):
        """How a run of a workflow ends, or why it is refused."""
        self.say(type="start_workflow", workflow=workflow, params=params)
        return self.wait("workflow_completed", "workflow_failed", "error")


@pytest.fixture
def client(eventually):
    return Client(eventually)


def read(shared):
    return dict(shared)


def test_each_start_gets_a_fresh_copy_of_its_params(client):
    kept = []

    def keep(shared):
        kept.append(shared)
        shared["n"] += 1
        return shared["n"]

    publish("keep", keep)
    assert [client.start("keep", n=n)["data"] for n in (1, 1)] == [2, 2]
    assert kept[0] is not kept[1]


def test_run_is_no_display_and_no_child(client):
    shown = []
    kgnb.runtime.hooks.install(
        type("D", (), {"show": shown.append, "finish": shown.append})()
    )
    publish("read", read)
    assert client.start("read", a=1)["data"] == {"a": 1}
    assert shown == []


def test_prints_belong_to_the_context_that_published(client):
    import contextvars

    where = contextvars.ContextVar("where", default="nowhere")
    token = where.set("this cell")
    publish("where", lambda shared: where.get())
    where.reset(token)
    assert client.start("where")["data"] == "this cell"


def test_handle_takes_it_back_and_leaves_what_came_after_it(client):
    first = publish("w", lambda shared: 1)
    second = publish("w", lambda shared: 2)
    assert (first.name, first.url, repr(first)) == ("w", None, "<kgnb.Publication 'w'>")
    first.unpublish()
    assert client.start("w")["data"] == 2
    second.unpublish()
    second.unpublish()
    assert client.start("w")["code"] == "no_such_workflow"


def test_publishing_again_leaves_running_runs_alone(client, eventually):
    go = threading.Event()
    publish("slow", lambda shared: (go.wait(5), "old")[1])
    client.say(type="start_workflow", workflow="slow")
    client.wait("node_update")
    publish("slow", lambda shared: "new")
    assert client.start("slow")["data"] == "new"
    go.set()
    assert client.wait("workflow_completed")["data"] == "old"


class Model(pydantic.BaseModel):
    n: int
    name: str = "x"

    @pydantic.field_validator("name")
    @classmethod
    def no_shouting(cls, value):
        if value.isupper():
            raise ValueError("no shouting")
        return value


@dataclasses.dataclass
class Plain:
    n: int
    name: str = "x"


class Struct(msgspec.Struct):
    n: int
    name: str = "x"


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.mark.parametrize("params", [Model, Plain, Struct])
def test_type_of_params_fills_in_defaults_and_refuses_by_field(client, params):
    publish("typed", read, params=params)
    assert client.start("typed", n=1)["data"] == {"n": 1, "name": "x"}
    error = client.start("typed", n="many")
    assert (error["code"], "n: expected" in error["message"]) == ("invalid", True)
    assert "n: is required" in client.start("typed")["message"]


def test_validators_of_the_type_refuse_by_field_in_the_kernel(client):
    publish("typed", read, params=Model)
    error = client.start("typed", n=1, name="LOUD")
    assert error["code"] == "invalid"
    assert error["message"] == "workflow 'typed': name: no shouting"
    assert error["data"]["problems"] == [{"path": ["name"], "message": "no shouting"}]


def test_schema_of_params_refuses_by_field(client):
    publish("schema", read, params=SCHEMA)
    assert client.start("schema", n=2)["data"] == {"n": 2}
    assert "n: is required" in client.start("schema")["message"]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("a", 1),
        (lambda shared: shared["a"] + 1, 2),
        (None, "the last"),
    ],
)
def test_result_picks_what_the_end_carries(client, result, expected):
    publish("pick", lambda shared: "the last", result=result)
    assert client.start("pick", a=1)["data"] == expected


def test_result_may_be_async_and_its_error_is_the_runs(client):
    async def later(shared):
        await asyncio.sleep(0)
        return shared["a"]

    publish("pick", read, result=later)
    assert client.start("pick", a=1)["data"] == 1
    failed = client.start("pick")
    assert failed["error"]["message"] == "KeyError: 'a'"


def test_result_key_that_nobody_put_fails_and_names_it(client):
    publish("pick", read, result="b")
    assert "result='b'" in client.start("pick")["error"]["message"]


class Reply(AsyncNode):
    async def prep_async(self, shared):
        return shared["talk"]

    async def exec_async(self, talk):
        return f"{len(talk)} heard"

    async def post_async(self, shared, talk, text):
        shared["talk"].append({"role": "assistant", "content": text})
        shared["turns"] = object()


class Done(Node):
    def exec(self, _):
        return "done"


def test_session_holds_its_list_under_the_input_key_and_steps_show_named_state(client):
    reply = Reply()
    reply >> Done()
    publish("talk", AsyncGraph(reply), input="talk", state=["turns", "never"])
    for said in (1, 3):
        client.say(session_id="s", message="hi")
        first, last = client.wait("step"), client.wait("step")
        assert first["messages"][-1]["content"] == f"{said} heard"
        assert list(first["state"]) == ["turns"]
        assert (first["next"], first["next_nodes"]) == ("Done", ["Done"])
        assert (last["next"], last["next_nodes"]) == (None, [])
        client.wait("workflow_completed")


def test_run_tells_what_was_said_to_start_it(client):
    publish("talk", read, input="talk")
    client.say(session_id="s", message={"text": "hi"})
    assert client.wait("workflow_started")["message"] == {"text": "hi"}


def test_input_key_without_a_session_is_an_empty_list_or_the_params(client):
    publish("talk", read, input="talk")
    assert client.start("talk")["data"] == {"talk": []}
    assert client.start("talk", talk=[1])["data"] == {"talk": [1]}


@pytest.mark.parametrize("name", ["workflow", "health", "metrics", "link"])
def test_reserved_name_is_refused(name):
    with pytest.raises(InvalidValue, match="reserved"):
        publish(name, read)


@pytest.mark.parametrize(
    "name", ["", "a/b", "a@b", " a", "a\n", "..", "x" * 129, "caf\udce9", 3]
)
def test_name_that_cannot_stand_in_a_url_is_refused(name):
    with pytest.raises(InvalidValue, match="publish"):
        publish(name, read)


def test_wrong_arguments_are_refused_at_once():
    with pytest.raises(NotAGraph):
        publish("w", 3)
    for wrong in ({"result": 3}, {"input": 3}, {"params": list[int]}, {"params": 3}):
        with pytest.raises(InvalidValue):
            publish("w", read, **wrong)


def test_too_many_are_refused(monkeypatch):
    monkeypatch.setattr("kgnb.runtime.publications.MOST", 1)
    publish("a", read)
    publish("a", read)
    with pytest.raises(InvalidValue, match="unpublish some"):
        publish("b", read)


def test_start_that_is_told_twice_begins_once(client):
    begun = []

    def once(shared):
        begun.append(shared)

    publish("once", once)
    homes = home.current()
    order = link.Start(run_id="f" * 32, workflow="once")
    conversation = homes._local.conversation
    for _ in range(2):
        homes.on_link(lambda: homes.publications.start(order, conversation))
    client.start("once")
    client.eventually(lambda: len(begun) == 2)


class Wire:
    """The far end of a conversation."""

    def __init__(self):
        self.frames = []
        self.conversation = Conversation("k", home.current())

    def connect(self):
        self.frames.clear()
        self.conversation.connected(self.frames.append)
        welcome = link.Welcome(log_id="l", owner_token="t")
        self.conversation.received(codec.encode(welcome))
        sent = [json.loads(frame) for frame in self.frames]
        return [frame["workflows"] for frame in sent if frame["type"] == "publish"]


def test_workflows_are_announced_again_after_each_welcome():
    publish("one", read, input="talk", default=True)
    publish("two", read, params=SCHEMA)
    wire = Wire()
    for _ in range(2):
        (workflows,) = wire.connect()
        for each in workflows:
            assert each.pop("published_at") > 1e9
        assert workflows == [
            {"name": "one", "input": "talk", "is_default": True},
            {"name": "two", "params": SCHEMA},
        ]
        wire.conversation.disconnected()


def test_nothing_is_announced_where_nothing_is_published():
    assert Wire().connect() == []


def test_publish_from_within_a_node_does_not_wait_for_itself(client):
    async def inner(shared):
        publish("inner", read)

    publish("outer", inner)
    client.start("outer")
    assert client.start("inner", a=1)["data"] == {"a": 1}


def test_steps_of_any_run_are_told_to_who_asks(client, eventually):
    go = threading.Event()

    class Wait(Node):
        def exec(self, _):
            go.wait(5)

    wait = Wait()
    wait >> Done()
    client.say(type="subscribe", topics=["steps"])
    client.wait("subscribed")
    run = kgnb.run(Graph(wait), {"messages": [{"role": "user", "content": "x"}]})
    eventually(lambda: run._execution.tells_steps)
    go.set()
    assert client.wait("step")["next"] == "Done"
    assert client.wait("step")["messages"] == [{"role": "user", "content": "x"}]
    run.result(5)


# Functions, whose signature says what a start may give.


def describe(topic: str, pages: int = 2, *, kind="essay"):
    return [topic, pages, kind]


def test_functions_arguments_come_from_the_params(client):
    publish("describe", describe)
    assert client.start("describe", topic="tides")["data"] == ["tides", 2, "essay"]
    started = client.start("describe", topic="tides", pages=3, kind="poem")
    assert started["data"] == ["tides", 3, "poem"]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "topic"),
        ({"topic": 5}, "topic"),
        ({"topic": "tides", "pages": "many"}, "pages"),
        ({"topic": "tides", "page": 3}, "page"),
    ],
)
def test_functions_params_are_checked_against_its_signature(client, params, text):
    publish("describe", describe)
    refused = client.start("describe", **params)
    assert refused["code"] == "invalid"
    assert text in refused["message"]


def test_functions_params_become_the_types_that_it_names(client):
    def sizes(model: Model, plain: Plain, other: int | None = None):
        return [type(model).__name__, type(plain).__name__, other]

    def size(struct: Struct):
        return type(struct).__name__

    publish("sizes", sizes)
    publish("size", size)
    started = client.start("sizes", model={"n": 1}, plain={"n": 2})
    assert started["data"] == ["Model", "Plain", None]
    assert client.start("size", struct={"n": 2})["data"] == "Struct"
    refused = client.start("sizes", model={"n": 1, "name": "LOUD"}, plain={"n": 2})
    assert refused["code"] == "invalid"
    assert "no shouting" in refused["message"]


def test_functions_other_params_are_free_where_it_takes_shared(client):
    def both(shared, n: int):
        return [n, shared["other"]]

    publish("both", both)
    assert client.start("both", n=1, other="x")["data"] == [1, "x"]
    assert client.start("both", n="x")["code"] == "invalid"


def test_functions_input_is_no_param(client):
    async def reply(messages, tone: str = "kind"):
        return [len(messages), tone]

    publish("reply", reply, input="messages")
    assert client.start("reply", tone="dry")["data"] == [0, "dry"]


def test_functions_generator_streams_its_answer(client):
    async def told(topic: str):
        for word in (topic, "!"):
            yield word

    publish("told", told)
    client.say(type="start_workflow", workflow="told", params={"topic": "tides"})
    token = client.wait("token")
    assert token["node_id"] == "told"
    assert client.wait("workflow_completed")["data"] == "tides!"


def test_function_of_what_json_cannot_carry_says_to_give_params():
    def odd(wire: Wire, n: int):
        return n

    with pytest.raises(InvalidValue, match=r"publish: what odd takes .*say by params="):
        publish("odd", odd)


def test_flow_of_another_library_is_published(client):
    class Shout(pocketflow.Node):
        def prep(self, shared):
            return shared["word"]

        def exec(self, word):
            return word.upper()

    publish("shout", pocketflow.Flow(start=Shout()))
    assert client.start("shout", word="tides")["data"] == "TIDES"
