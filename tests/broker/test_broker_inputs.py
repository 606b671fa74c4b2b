"""``node_input``, ``message`` and ``end_chat``: taken by a wait, kept, or refused."""

import pytest

from kgnb.broker import Identity, Peer

GIVE = {"type": "node_input", "run_id": "r1", "node_id": "A"}


@pytest.fixture
def kernel(host):
    kernel = host.kernel()
    nodes = [{"id": name, "label": name} for name in ("A", "B")]
    started = {"type": "workflow_started", "graph": {"nodes": nodes, "edges": []}}
    kernel.append("r1", 1, started)
    return kernel


def wait(host, kernel, approval="w1", node="A", n=2, **fields):
    request = kernel.request(
        host, approval, node=node, message="Input?", kind="input", **fields
    )
    request["data"]["options"] = None
    kernel.append("r1", n, request)


def resolved(host):
    return [e["data"] for e in host.events() if e["type"] == "approval_resolved"]


def test_input_of_an_open_wait_is_taken_whatever_json_it_is(host, kernel):
    wait(host, kernel)
    data = {"value": [1, None], "action": "x"}
    reply = host.client().ask(**GIVE, data=data, id=1)
    assert (reply["type"], reply["data"]["value"]) == ("ack", data)
    (decision,) = resolved(host)
    assert (decision["value"], decision["by"]["user"]) == (data, "Alice")


def test_input_before_any_wait_is_kept_and_taken_by_the_next(host, kernel):
    reply = host.client().ask(**GIVE, data="early", id=1)
    assert (reply["type"], reply["data"]) == ("ack", {"kept": True})
    assert resolved(host) == []
    wait(host, kernel)
    (decision,) = resolved(host)
    assert (decision["approval_id"], decision["value"]) == ("w1", "early")
    assert (decision["outcome"], decision["by"]["user"]) == ("answered", "Alice")
    wait(host, kernel, "w2", n=3)
    assert len(resolved(host)) == 1, "it was taken once"


def test_input_kept_for_one_node_is_not_another_nodes(host, kernel):
    host.client().ask(**GIVE, data="early")
    wait(host, kernel, node="B")
    assert resolved(host) == []


def test_second_early_input_of_a_node_is_a_conflict(host, kernel):
    client = host.client()
    client.ask(**GIVE, data="first", id=1)
    reply = client.ask(**GIVE, data="second", id=2)
    assert (reply["code"], reply["id"]) == ("conflict", 2)
    assert reply["retry_after"] == 0.1
    wait(host, kernel)
    assert resolved(host)[0]["value"] == "first"


@pytest.mark.parametrize("is_taken", [False, True])
def test_early_input_sent_again_has_one_effect(host, kernel, is_taken):
    command = {**GIVE, "data": "early", "id": "c-1"}
    host.client().ask(**command)
    if is_taken:
        wait(host, kernel)
    assert host.client().ask(**command)["type"] == "ack"
    if not is_taken:
        wait(host, kernel)
    wait(host, kernel, "w2", n=3)
    assert [d["approval_id"] for d in resolved(host)] == ["w1"]


def test_early_input_survives_a_restart_of_the_broker(host, make_host, kernel):
    token = kernel.take("welcome")[0]["owner_token"]
    host.client().ask(**GIVE, data="early", id=1)
    again = make_host(tables=host.tables, now=host.now)
    kernel = again.kernel(token=token)
    wait(again, kernel)
    assert resolved(again)[0]["value"] == "early"


def test_early_input_never_answers_an_approval(host, kernel):
    host.client().ask(**GIVE, data="yes")
    kernel.append("r1", 2, kernel.request(host))
    assert resolved(host) == []
    reply = host.client().ask(**GIVE, data="yes", id=2)
    assert reply["data"]["value"] == "yes"


def test_input_that_meets_an_approval_on_its_way_to_the_log_is_a_conflict(host, kernel):
    client = host.client()
    client.take()
    host.is_held = True
    kernel.append("r1", 2, kernel.request(host))
    client.send(**GIVE, data="yes", id=1)
    host.is_held = False
    host.settle()
    replies = client.take("ack", "error")
    assert [r["code"] for r in replies] == ["conflict"]
    assert resolved(host) == []


def test_input_that_meets_a_wait_on_its_way_to_the_log_is_taken(host, kernel):
    client = host.client()
    client.take()
    host.is_held = True
    wait(host, kernel)
    client.send(**GIVE, data="hello", id=1)
    host.is_held = False
    host.settle()
    assert [r["type"] for r in client.take("ack", "error")] == ["ack"]
    assert [d["value"] for d in resolved(host)] == ["hello"]


def test_input_goes_to_the_oldest_of_several_waits(host, kernel):
    wait(host, kernel)
    wait(host, kernel, "w2", n=3)
    client = host.client()
    for data in "ab":
        client.ask(**GIVE, data=data)
    assert [(d["approval_id"], d["value"]) for d in resolved(host)] == [
        ("w1", "a"),
        ("w2", "b"),
    ]


def test_input_where_a_wait_and_an_approval_are_open_is_a_conflict(host, kernel):
    wait(host, kernel)
    kernel.append("r1", 3, kernel.request(host))
    assert host.client().ask(**GIVE, data="yes")["code"] == "conflict"


def test_input_of_an_unknown_node_names_those_there_are(host, kernel):
    reply = host.client().ask(**{**GIVE, "node_id": "Aa"}, data=1)
    assert reply["code"] == "invalid"
    assert "'A', 'B'" in reply["message"]


def test_input_of_a_run_that_ended_is_a_conflict(host, kernel):
    kernel.append("r1", 2, {"type": "workflow_completed", "data": 0})
    assert host.client().ask(**GIVE, data=1)["code"] == "conflict"


def test_input_of_an_unknown_run_is_no_such_run(host, kernel):
    reply = host.client().ask(**{**GIVE, "run_id": "r9"}, data=1)
    assert reply["code"] == "no_such_run"


def test_input_without_the_role_is_forbidden(host, kernel):
    wait(host, kernel)
    viewer = Peer(identity=Identity(user="v"), role="view")
    assert host.client(viewer).ask(**GIVE, data=1)["code"] == "forbidden"
    assert resolved(host) == []


def test_input_while_the_log_is_away_is_unavailable_and_not_kept(host, kernel):
    client = host.client()
    host.is_failing = True
    reply = client.ask(**GIVE, data="early", id=1)
    assert (reply["code"], reply["id"]) == ("unavailable", 1)
    host.is_failing = False
    host.tick(2)
    wait(host, kernel)
    assert resolved(host) == []


def test_early_inputs_of_a_run_are_bounded(make_host, limits):
    host = make_host(limits=limits(max_early_inputs=2))
    host.kernel().start()
    client = host.client()
    codes = [
        client.ask(**{**GIVE, "node_id": node}, data=1).get("code") for node in "XYZ"
    ]
    assert codes == [None, None, "conflict"]


def test_input_names_an_approval_of_the_node_it_names(host, kernel):
    kernel.append("r1", 2, kernel.request(host))
    client = host.client()
    wrong = {**GIVE, "node_id": "B", "approval_id": "a1", "data": "yes"}
    assert client.ask(**wrong)["code"] == "conflict"
    wrapped = {**GIVE, "approval_id": "a1", "data": {"action": "yes"}}
    assert client.ask(**wrapped)["data"]["value"] == "yes"


def test_input_for_an_approval_is_held_to_its_options(host, kernel):
    kernel.append("r1", 2, kernel.request(host))
    reply = host.client().ask(**GIVE, data="maybe")
    assert (reply["code"], "'yes', 'no'" in reply["message"]) == ("invalid", True)


def test_run_is_left_out_where_the_socket_has_one_active(host, kernel):
    wait(host, kernel)
    client = host.client()
    unnamed = {"type": "node_input", "node_id": "A", "data": "x"}
    assert client.ask(**unnamed)["code"] == "invalid"
    client.send(type="subscribe", run_id="r1")
    assert client.ask(**unnamed)["type"] == "ack"


@pytest.fixture
def chatter(host, kernel):
    client = host.client()
    client.send(type="subscribe", run_id="r1", topics=["results"])
    return client


def test_message_goes_to_the_node_that_waits(host, kernel, chatter):
    wait(host, kernel, node="B")
    reply = chatter.ask(type="message", content="hello", id=1)
    assert reply["data"]["value"] == "hello"


def test_message_between_two_waits_is_kept_for_the_node_that_waited(
    host, kernel, chatter
):
    wait(host, kernel)
    chatter.ask(type="message", content="one")
    assert chatter.ask(type="message", content="two")["data"] == {"kept": True}
    wait(host, kernel, "w2", n=3)
    assert [d["value"] for d in resolved(host)] == ["one", "two"]


@pytest.mark.parametrize("is_early", [False, True])
def test_message_sent_again_goes_to_no_other_node(host, kernel, chatter, is_early):
    wait(host, kernel)
    if is_early:
        chatter.ask(type="message", content="before")
    said = {"type": "message", "content": "once", "id": "m-1"}
    chatter.ask(**said)
    wait(host, kernel, "w2", node="B", n=3)
    assert chatter.ask(**said)["type"] == "ack"
    assert "w2" not in [d["approval_id"] for d in resolved(host)]


def test_end_chat_reaches_the_node_as_an_input(host, kernel, chatter):
    wait(host, kernel)
    chatter.ask(type="end_chat", id=1)
    assert resolved(host)[0]["value"] == {"type": "end_chat"}


def test_message_where_no_node_ever_waited_is_a_conflict(host, kernel, chatter):
    assert chatter.ask(type="message", content="x")["code"] == "conflict"


def test_message_where_two_nodes_wait_is_a_conflict(host, kernel, chatter):
    wait(host, kernel)
    wait(host, kernel, "w2", node="B", n=3)
    assert chatter.ask(type="message", content="x")["code"] == "conflict"


def test_message_without_a_run_is_no_such_workflow(host, kernel):
    assert host.client().ask(type="message", content="x")["code"] == "no_such_workflow"
