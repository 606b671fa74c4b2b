"""Starts of published workflows, and the sessions whose messages start them."""

import pytest

from kgnb.broker import Identity, Peer

START = {"type": "start_workflow", "workflow": "w"}
SAY = {"type": "message", "content": "hi", "session_id": "s"}


def peer(user="alice", role="start", **more):
    return Peer(identity=Identity(user=user), role=role, **more)


def document(**more):
    return peer(protocol="document", **more)


def publish(kernel, *workflows, n=1, at=1.0):
    listed = [{"name": "w", "published_at": at, **each} for each in workflows or [{}]]
    kernel.send(type="publish", n=n, workflows=listed)


def begin(kernel, order, n=1, *events):
    """Do what a kernel does when it is told to start."""
    started = {"type": "workflow_started", "session_id": order.get("session_id")}
    kernel.append(order["run_id"], n, started, *events)
    kernel.send(type="started", run_id=order["run_id"])


def end(kernel, order, n=2, kind="workflow_completed", **fields):
    fields = fields or ({"data": 1} if kind == "workflow_completed" else {})
    kernel.append(order["run_id"], n, {"type": kind, **fields})


def step(kernel, order, n, *messages):
    told = {"messages": [*messages], "state": {}, "next": None, "next_nodes": []}
    kernel.append(order["run_id"], n, {"type": "step", **told})


@pytest.fixture
def kernel(host):
    kernel = host.kernel()
    publish(kernel)
    return kernel


def ordered(kernel):
    (order,) = kernel.take("start")
    return order


# Who has a name.


def test_publish_is_answered_and_makes_the_name_known(host):
    kernel = host.kernel()
    assert host.client().ask(**START)["code"] == "no_such_workflow"
    publish(kernel, n=7)
    assert kernel.take("published") == [{"type": "published", "n": 7}]
    host.client().send(**START)
    assert ordered(kernel)["workflow"] == "w"


def test_last_publisher_owns_the_name_and_others_are_reached_by_their_kernel(host):
    first = host.kernel("k-one", "p1")
    second = host.kernel("k-two", "p2")
    publish(second, at=1.0)
    publish(first, at=2.0)
    for name, kernel in (("w", first), ("w@k-two", second), ("w@k-o", first)):
        host.client().send(**{**START, "workflow": name})
        assert ordered(kernel)["workflow"] == "w"
    assert (
        host.client().ask(**{**START, "workflow": "w@k-"})["code"] == "no_such_workflow"
    )


def test_publishing_again_replaces_and_leaves_runs_alone(host, kernel):
    client = host.client()
    client.send(**START)
    order = ordered(kernel)
    begin(kernel, order)
    publish(kernel, {"name": "other"}, n=2)
    assert host.client().ask(**START)["code"] == "no_such_workflow"
    end(kernel, order)
    assert client.take("workflow_completed")


def test_workflows_go_with_their_kernel(host, kernel):
    host.broker.kernels.gone("k1", "it died", host.now)
    host.perform()
    assert host.client().ask(**START)["code"] == "no_such_workflow"
    assert not [key for key in host.tables.rows if key.startswith("workflows/")]


def test_workflows_go_when_another_process_is_the_kernel(host, kernel):
    host.kernel("k1", "p2")
    assert host.client().ask(**START)["code"] == "no_such_workflow"


def test_workflow_of_a_kernel_that_is_away_is_unavailable_then_gone(host, kernel):
    kernel.drop()
    assert host.client().ask(**START)["code"] == "unavailable"
    host.tick(11)
    assert host.client().ask(**START)["code"] == "no_such_workflow"


def test_workflows_are_known_after_a_restart_before_their_kernel_is_back(
    host, make_host, kernel
):
    token = kernel.take("welcome")[0]["owner_token"]
    again = make_host(tables=host.tables, now=host.now)
    assert again.client().ask(**START)["code"] == "unavailable"
    kernel = again.kernel(token=token)
    again.client().send(**START)
    assert ordered(kernel)["workflow"] == "w"


def test_reserved_name_closes_the_link(host):
    kernel = host.kernel()
    publish(kernel, {"name": "health"})
    assert kernel.closed[0] == 1008


# Starting.


def test_start_is_acknowledged_before_its_first_event(host, kernel):
    client = host.client()
    client.take()
    client.send(**START, params={"a": 1}, id=5)
    assert client.take() == []
    order = ordered(kernel)
    assert order["params"] == {"a": 1}
    begin(kernel, order)
    end(kernel, order)
    ack, *events = client.take()
    assert ack == {"type": "ack", "id": 5, "run_id": order["run_id"]}
    assert [e["type"] for e in events] == ["workflow_started", "workflow_completed"]


def test_starter_reads_all_topics_until_it_subscribes_to_fewer(host, kernel):
    client = host.client()
    client.send(**START)
    order = ordered(kernel)
    begin(kernel, order)
    kernel.log(order["run_id"], 2)
    assert client.take("log")
    client.ask(type="subscribe", topics=["results"])
    kernel.log(order["run_id"], 3)
    end(kernel, order, 4)
    assert [f["type"] for f in client.take()] == ["workflow_completed"]


def test_starter_drops_one_topic_and_keeps_the_others(host, kernel):
    client = host.client()
    client.send(**START)
    order = ordered(kernel)
    begin(kernel, order)
    left = client.ask(type="unsubscribe", topics=["logs"])["topics"]
    assert "tokens" in left
    assert "logs" not in left
    kernel.log(order["run_id"], 2)
    assert client.take() == []
    client.ask(type="unsubscribe")
    end(kernel, order, 3)
    assert client.take() == []


def test_start_with_the_same_id_has_one_effect_for_as_long_as_the_run_is_kept(
    host, make_host, kernel
):
    command = {**START, "id": "once"}
    client = host.client()
    client.send(**command)
    order = ordered(kernel)
    client.send(**command)
    assert kernel.take("start") == []
    begin(kernel, order)
    end(kernel, order)
    assert [a["run_id"] for a in client.take("ack")] == [order["run_id"]] * 2
    again = make_host(tables=host.tables, now=host.now)
    returned = again.client()
    assert returned.ask(**command)["run_id"] == order["run_id"]
    assert returned.ask(**{**command, "params": {"b": 1}})["type"] == "error"


def test_same_id_of_another_identity_or_client_is_another_start(host, kernel):
    command = {**START, "id": 1}
    for who in (peer(), peer(client_id="a"), peer(client_id="b"), peer("bob")):
        host.client(who).send(**command)
    assert len({order["run_id"] for order in kernel.take("start")}) == 4


def test_start_survives_a_break_of_the_link(host, kernel):
    token = kernel.take("welcome")[0]["owner_token"]
    client = host.client()
    client.send(**START, id=1)
    first = ordered(kernel)
    kernel.drop()
    kernel = host.kernel(token=token)
    assert ordered(kernel) == first
    begin(kernel, first)
    assert client.take("ack")


def test_start_that_was_stored_is_told_after_a_restart(host, make_host, kernel):
    token = kernel.take("welcome")[0]["owner_token"]
    host.client().send(**START, id=1)
    first = ordered(kernel)
    again = make_host(tables=host.tables, now=host.now)
    kernel = again.kernel(token=token)
    assert ordered(kernel) == first
    begin(kernel, first)
    assert again.client().ask(**START, id=1)["run_id"] == first["run_id"]


def test_kernel_that_refuses_leaves_nothing_behind(host, kernel):
    client = host.client()
    client.send(**START, id=1)
    order = ordered(kernel)
    refused = {
        "code": "invalid",
        "message": "n: too small",
        "problems": [{"message": "x"}],
    }
    kernel.send(type="started", run_id=order["run_id"], **refused)
    (error,) = client.take("error")
    assert (error["code"], error["id"], error["message"]) == (
        "invalid",
        1,
        "n: too small",
    )
    assert error["data"] == {"problems": [{"message": "x"}]}
    assert order["run_id"] not in host.broker.runs.by_id
    assert not [key for key in host.tables.rows if key.startswith("run/")]
    client.send(**START, id=1)
    assert ordered(kernel)["run_id"] != order["run_id"]


def test_kernel_that_says_nothing_is_given_up(host, kernel):
    client = host.client()
    client.send(**START)
    host.tick(11)
    assert [e["code"] for e in client.take("error")] == ["unavailable"]


def test_kernel_that_dies_before_it_began_is_told(host, kernel):
    client = host.client()
    client.send(**START)
    host.broker.kernels.gone("k1", "it died", host.now)
    host.perform()
    host.tick(0.2)
    assert [e["code"] for e in client.take("error")] == ["unavailable"]


def test_start_while_the_log_is_away_is_unavailable(host, kernel):
    client = host.client()
    host.is_failing = True
    assert client.ask(**START)["code"] == "unavailable"
    assert kernel.take("start") == []


def test_start_without_the_role_is_forbidden(host, kernel):
    assert host.client(peer(role="control")).ask(**START)["code"] == "forbidden"
    scoped = peer(run_scope="r1")
    assert host.client(scoped).ask(**START)["code"] == "no_such_workflow"


def test_params_are_held_to_the_schema_before_the_kernel_hears_of_them(host, kernel):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    publish(kernel, {"params": schema}, n=2)
    error = host.client().ask(**START, params={"n": "x"}, id=1)
    assert (error["code"], "n: expected" in error["message"]) == ("invalid", True)
    assert kernel.take("start") == []


# Document mode.


@pytest.mark.parametrize(
    ("kind", "fields", "closed"),
    [
        ("workflow_completed", {"data": 1}, None),
        ("workflow_cancelled", {}, (1000, "")),
        (
            "workflow_failed",
            {"error": {"code": "internal", "message": "x"}},
            (1011, "Internal error"),
        ),
    ],
)
def test_document_is_closed_when_its_last_run_did_not_complete(
    host, kernel, kind, fields, closed
):
    client = host.client(document())
    client.send(**START)
    client.send(**START)
    one, two = kernel.take("start")
    for order in (one, two):
        begin(kernel, order)
    end(kernel, one, kind="workflow_cancelled")
    assert client.closed is None
    end(kernel, two, kind=kind, **fields)
    assert client.take()[-1]["type"] == kind
    assert client.closed == closed


def test_document_hears_neither_hello_nor_ack_but_to_an_id(host, kernel):
    client = host.client(document())
    client.send(**START)
    begin(kernel, ordered(kernel))
    assert [f["type"] for f in client.take()] == ["workflow_started"]
    client.send(**START, id=1)
    begin(kernel, ordered(kernel))
    assert [f["type"] for f in client.take()] == ["ack", "workflow_started"]


@pytest.mark.parametrize("frame", [START, SAY, {"message": "hi"}])
def test_document_whose_start_is_refused_is_closed(host, frame):
    client = host.client(document())
    client.send(**frame)
    assert [f["code"] for f in client.take("error")] == ["no_such_workflow"]
    assert client.closed == (1000, "")


def test_document_that_only_watches_is_not_closed(host, kernel):
    watcher = host.client(document())
    watcher.send(type="subscribe")
    host.client().send(**START)
    order = ordered(kernel)
    begin(kernel, order)
    end(kernel, order, kind="workflow_cancelled")
    assert watcher.take("workflow_cancelled")
    assert watcher.closed is None


# Messages and sessions.


@pytest.fixture
def talking(host):
    kernel = host.kernel()
    publish(kernel, {"input": "messages", "is_default": True}, {"name": "z"})
    return kernel


def user(text):
    return {"role": "user", "content": text}


def test_message_starts_the_default_with_the_sessions_messages(host, talking):
    client = host.client()
    client.send(**SAY, id=1)
    order = ordered(talking)
    assert order["messages"] == [user("hi")]
    assert order["message"] == "hi"
    begin(talking, order)
    ack = client.take("ack")[0]
    assert ack["data"] == {"session_id": "s"}
    reply = {"role": "assistant", "content": "hello"}
    step(talking, order, 2, user("hi"), reply)
    end(talking, order, 3)
    host.client().send(**{**SAY, "content": "more"})
    assert ordered(talking)["messages"] == [user("hi"), reply, user("more")]


def test_session_survives_a_restart(host, make_host, talking):
    token = talking.take("welcome")[0]["owner_token"]
    host.client().send(**SAY)
    order = ordered(talking)
    begin(talking, order)
    end(talking, order)
    again = make_host(tables=host.tables, now=host.now)
    kernel = again.kernel(token=token)
    again.client().send(**SAY)
    assert ordered(kernel)["messages"] == [user("hi"), user("hi")]


def test_session_of_another_identity_is_another_session(host, talking):
    host.client(peer("alice")).send(**SAY)
    begin(talking, ordered(talking))
    bob = host.client(peer("bob"))
    bob.send(**{**SAY, "content": "what did she say?"})
    order = ordered(talking)
    assert order["messages"] == [user("what did she say?")]
    begin(talking, order)
    assert {f["run_id"] for f in bob.take() if "run_id" in f} == {order["run_id"]}


def test_messages_during_a_run_wait_in_order_at_most_sixteen(host, talking):
    client = host.client()
    client.send(**SAY)
    for n in range(16):
        client.send(**{**SAY, "content": n})
    assert client.ask(**SAY, id="late")["code"] == "conflict"
    first = ordered(talking)
    begin(talking, first)
    end(talking, first)
    second = ordered(talking)
    assert second["messages"][-1] == user(0)
    begin(talking, second)
    end(talking, second)
    assert ordered(talking)["messages"][-1] == user(1)


def wait_for_input(host, kernel, order, n, approval):
    request = kernel.request(host, approval, message="?", kind="input")
    request["data"]["options"] = None
    kernel.append(order["run_id"], n, request)


def test_messages_are_handed_one_each_to_the_node_that_waits(host, talking):
    client = host.client()
    client.send(**SAY)
    for text in "abc":
        client.send(**{**SAY, "content": text})
    order = ordered(talking)
    begin(talking, order)
    for n, approval in enumerate(("w1", "w2"), 2):
        wait_for_input(host, talking, order, n, approval)
    given = [
        e["data"]["value"]
        for e in host.events(order["run_id"])
        if e["type"] == "approval_resolved"
    ]
    assert given == ["a", "b"]
    client.send(type="end_chat", session_id="s")
    wait_for_input(host, talking, order, 4, "w3")
    wait_for_input(host, talking, order, 5, "w4")
    events = host.events(order["run_id"])
    given = [e["data"]["value"] for e in events if e["type"] == "approval_resolved"]
    assert given == ["a", "b", "c", {"type": "end_chat"}]


def test_message_of_another_socket_of_the_session_lets_it_read_the_run(host, talking):
    host.client().send(**SAY)
    order = ordered(talking)
    begin(talking, order)
    wait_for_input(host, talking, order, 2, "w1")
    other = host.client()
    other.send(**{**SAY, "content": "me too"})
    kinds = [f["type"] for f in other.take() if "workflow_id" in f]
    assert kinds[0] == "workflow_started"
    assert kinds[-1] == "approval_resolved"


def test_message_with_the_same_id_is_said_once(host, talking):
    client = host.client()
    client.send(**SAY, id=1)
    client.send(**SAY, id=1)
    client.send(**SAY, id=2)
    client.send(**SAY, id=2)
    order = ordered(talking)
    begin(talking, order)
    end(talking, order)
    second = ordered(talking)
    begin(talking, second)
    end(talking, second)
    assert talking.take("start") == []
    assert [a["id"] for a in client.take("ack")] == [1, 1, 2]


def test_message_of_a_bound_socket_goes_to_its_workflow_with_its_key(host, talking):
    bound = peer(workflow="z", key="room 1")
    host.client(bound).send(type="message", content="x")
    order = ordered(talking)
    assert (order["workflow"], order["params"]) == (
        "z",
        {"key": "room 1", "message": "x"},
    )
    assert "messages" not in order


def test_message_without_a_default_goes_to_the_only_workflow(host, kernel):
    host.client().send(message="x")
    assert ordered(kernel)["params"] == {"message": "x"}
    publish(kernel, {}, {"name": "other"}, n=2)
    assert host.client().ask(message="x")["code"] == "no_such_workflow"


def test_end_of_a_chat_that_is_not_is_a_conflict(host, talking):
    assert host.client().ask(type="end_chat")["code"] == "conflict"


def test_session_that_is_too_long_says_so(make_host, limits):
    host = make_host(limits=limits(max_session=200))
    kernel = host.kernel()
    publish(kernel, {"input": "messages"})
    error = host.client().ask(**{**SAY, "content": "x" * 200})
    assert error["code"] == "too_large"
    host.client().send(**SAY)
    assert ordered(kernel)["messages"] == [user("hi")]


def test_two_workflows_of_one_session_lose_no_message(host):
    kernel = host.kernel()
    publish(kernel, {"input": "messages"}, {"name": "z", "input": "messages"})
    host.is_held = True
    for name in "wz":
        host.client(peer(workflow=name)).send(**{**SAY, "content": name})
    host.is_held = False
    host.settle()
    orders = kernel.take("start")
    assert [len(order["messages"]) for order in orders] == [1, 2]


# Steps.


@pytest.mark.parametrize(
    ("frame", "is_shown"),
    [({"session_id": "s", "message": "x"}, True), (SAY, False)],
)
def test_steps_are_for_bare_messages_and_for_who_asks(host, talking, frame, is_shown):
    client, reader = host.client(), host.client()
    reader.ask(type="subscribe", topics=["steps"])
    client.send(**frame)
    order = ordered(talking)
    assert order["steps"]
    begin(talking, order)
    step(talking, order, 2)
    assert bool(client.take("step")) == is_shown
    assert reader.take("step")


def test_steps_that_somebody_asks_for_are_asked_of_the_kernel_once(host, kernel):
    client = host.client()
    client.send(**START)
    order = ordered(kernel)
    assert "steps" not in order
    begin(kernel, order)
    for _ in range(2):
        client.ask(type="subscribe", run_id=order["run_id"], topics=["steps"])
    told = kernel.take("tell_steps")
    assert told == [{"type": "tell_steps", "run_id": order["run_id"]}]


def test_message_that_a_node_got_is_not_handed_to_another_wait(host, talking):
    client = host.client()
    client.send(**SAY)
    order = ordered(talking)
    begin(talking, order)
    client.send(**{**SAY, "content": "once"}, id=7)
    wait_for_input(host, talking, order, 2, "w1")
    wait_for_input(host, talking, order, 3, "w2")
    client.take()
    returned = host.client()
    reply = returned.ask(**{**SAY, "content": "once"}, id=7)
    assert (reply["type"], reply["data"]["value"]) == ("ack", "once")
    events = host.events(order["run_id"])
    given = [e["data"] for e in events if e["type"] == "approval_resolved"]
    assert [each["approval_id"] for each in given] == ["w1"]
    end(talking, order, 4)
    assert returned.ask(**{**SAY, "content": "once"}, id=7)["type"] == "ack"
    assert talking.take("start") == []
