"""Approval and Form: ready nodes that ask."""

import dataclasses

import pytest

import kgnb
from kgnb.errors import ApprovalTimeout, InvalidValue, OutsideRun
from kgnb.graph import Approval, AsyncGraph, AsyncNode, Form, Graph, Node
from kgnb.runtime import home


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    home.shutdown()


@dataclasses.dataclass
class Trip:
    city: str
    nights: int = 1


class Write(Node):
    def exec(self, _):
        return None

    def post(self, shared, _, __):
        shared["draft"] = f"{shared.get('draft', '')}x"
        shared.setdefault("reasons", []).append(shared.get("why"))


class Publish(Node):
    def post(self, shared, _, __):
        shared["published"] = shared["draft"]


def article(**options):
    draft, publish = Write(), Publish()
    review = Approval(
        "Publish?", options=["publish", "revise"], payload="draft", **options
    )
    draft >> review
    review - "publish" >> publish
    review - "revise" >> draft
    return draft


@pytest.mark.parametrize("kind", [Graph, AsyncGraph])
def test_approval_routes_by_the_option_and_stores_it(kind):
    answers = [kgnb.Answer("revise", reason="longer"), "publish"]
    handle = kgnb.run(kind(article(writes_reason="why")), answers=answers)
    result = handle.result(10)
    assert result.shared["published"] == "xx"
    assert result.shared["approval"] == "publish"
    assert result.shared["reasons"] == [None, "longer"]
    assert [each.payload for each in result.approvals] == ["x", "xx"]


def test_approval_in_a_nested_graph_beside_async_nodes():
    class Greet(AsyncNode):
        async def exec_async(self, _):
            return "hello"

    inner = Graph(article(), name="Inner")
    greet = Greet()
    greet >> inner
    result = kgnb.run(AsyncGraph(greet), answers=["publish"]).result(10)
    assert result.shared["published"] == "x"
    assert result.approvals[0].node_id == "Inner/Approval"


def test_edit_goes_back_into_shared():
    answer = kgnb.Answer("publish", payload="better")
    result = kgnb.run(Graph(article(edit=True)), answers=[answer]).result(10)
    assert result.shared["published"] == "better"


def test_edit_left_alone_leaves_shared_alone():
    result = kgnb.run(Graph(article(edit=True)), answers=["publish"]).result(10)
    assert result.shared["published"] == "x"


def test_deadline_takes_on_timeout_as_the_action():
    graph = Graph(article(timeout=0.05, on_timeout="publish"))
    assert kgnb.run(graph).result(10).shared["published"] == "x"


def test_deadline_without_on_timeout_raises():
    with pytest.raises(ApprovalTimeout):
        kgnb.run(Graph(article(timeout=0.05))).result(10)


def test_form_writes_an_instance_of_its_type():
    class After(Node):
        def post(self, shared, _, __):
            shared["city"] = shared["trip"].city

    form = Form("Where to?", Trip, writes="trip")
    form >> After()
    result = kgnb.run(Graph(form), answers=[{"city": "Oslo"}]).result(10)
    assert result.shared["trip"] == Trip("Oslo")
    assert result.shared["city"] == "Oslo"


def test_form_with_edit_begins_with_what_is_there():
    form = Form("Right?", Trip, payload="trip", edit=True, writes="trip")
    shared = {"trip": Trip("Oslo", 3)}
    result = kgnb.run(Graph(form), shared, answers=[Trip("Oslo", 4)]).result(10)
    assert result.approvals[0].payload == {"city": "Oslo", "nights": 3}
    assert result.shared["trip"].nights == 4


def test_message_and_payload_may_be_made_of_shared():
    node = Approval(
        lambda shared: f"{shared['n']} left. Go on?", payload=lambda s: [s["n"]]
    )
    result = kgnb.run(node, {"n": 3}, answers=["approve"]).result(10)
    (approval,) = result.approvals
    assert (approval.message, approval.payload) == ("3 left. Go on?", [3])


def test_payload_that_shared_does_not_have_names_what_it_has():
    node = Approval("?", payload="draft")
    with pytest.raises(InvalidValue, match=r"payload='draft'.*shared, which has text"):
        kgnb.run(node, {"text": 1}).result(10)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Approval("?", options=[]), "expected a list of str"),
        (lambda: Approval("?", options="yes"), "expected a list of str"),
        (lambda: Approval("?", timeout=1, on_timeout="no"), "on_timeout='no'"),
        (lambda: Approval("?", edit=True), "edit=True wants payload="),
        (lambda: Form("?", Trip, edit=True), "edit=True wants payload="),
    ],
)
def test_node_that_makes_no_sense_says_so_when_it_is_made(make, match):
    with pytest.raises(InvalidValue, match=match):
        make()


@pytest.mark.parametrize("node", [Approval("?"), Form("?", Trip)])
def test_node_outside_a_run_says_how_to_start_one(node):
    with pytest.raises(OutsideRun, match=r"kgnb\.run"):
        node.run({})
