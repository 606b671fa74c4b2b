import pytest

from kgnb.broker import Identity, Peer


@pytest.fixture
def kernel(host):
    kernel = host.kernel()
    kernel.start()
    kernel.take()
    return kernel


@pytest.mark.parametrize("kind", ["cancel", "pause", "resume"])
def test_order_is_carried_to_the_kernel_and_acknowledged(host, kernel, kind):
    client = host.client()
    client.take()
    client.send(type=kind, run_id="r1", id=5)
    assert client.take() == []
    (order,) = kernel.take()
    assert (order["type"], order["run_id"]) == ("order", "r1")
    assert order["command"] == {"type": kind, "run_id": "r1", "id": 5}
    assert order["by"]["user"] == "Alice"
    kernel.send(type="order_reply", order_id=order["order_id"])
    assert client.take() == [{"type": "ack", "id": 5, "run_id": "r1"}]


def test_order_refused_by_the_kernel_is_an_error(host, kernel):
    client = host.client()
    client.send(type="pause", run_id="r1", id=5)
    order = kernel.take()[0]["order_id"]
    client.take()
    kernel.send(
        type="order_reply", order_id=order, code="conflict", message="it is paused"
    )
    (reply,) = client.take()
    assert (reply["code"], reply["message"], reply["id"]) == (
        "conflict",
        "it is paused",
        5,
    )


def test_order_without_a_link_is_unavailable(host, kernel):
    kernel.drop()
    reply = host.client().ask(type="cancel", run_id="r1")
    assert (reply["code"], reply["retry_after"]) == ("unavailable", 1.0)


def test_order_whose_link_ends_is_unavailable(host, kernel):
    client = host.client()
    client.take()
    client.send(type="cancel", run_id="r1")
    kernel.drop()
    reply = client.take()[0]
    assert reply["code"] == "unavailable"
    assert "is not known: look at the run" in reply["message"]


def test_order_unanswered_for_long_is_unavailable(host, kernel):
    client = host.client()
    client.take()
    client.send(type="cancel", run_id="r1")
    host.tick(9.9)
    assert client.take() == []
    host.tick(0.2)
    reply = client.take()[0]
    assert reply["code"] == "unavailable"
    assert "is not known: look at the run" in reply["message"]


def test_order_to_a_run_that_ended_is_a_conflict(host, kernel):
    kernel.append("r1", 2, {"type": "workflow_completed", "data": 0})
    reply = host.client().ask(type="cancel", run_id="r1")
    assert (reply["code"], "completed" in reply["message"]) == ("conflict", True)


FORK = {"type": "fork", "run_id": "r1", "at": "Draft:2", "shared": {"n": 1}}


def test_fork_of_a_run_that_ended_reaches_its_kernel_and_names_the_new_run(
    host, kernel
):
    kernel.append("r1", 2, {"type": "workflow_completed", "data": 0})
    kernel.take()
    client = host.client(Peer(identity=Identity(user="u"), role="start"))
    client.take()
    client.send(**FORK, id="f-1")
    (order,) = kernel.take()
    assert order["command"] == FORK | {"id": "f-1"}
    kernel.send(type="order_reply", order_id=order["order_id"], run_id="r2")
    assert client.take() == [{"type": "ack", "id": "f-1", "run_id": "r2"}]
    client.send(**FORK, id="f-1")
    assert client.take() == [{"type": "ack", "id": "f-1", "run_id": "r2"}]
    assert kernel.take() == []


def test_fork_by_a_share_link_is_forbidden(host, kernel):
    # Edits of the state would be past all questions.
    client = host.client(Peer(identity=Identity(user="u", kind="link"), role="start"))
    reply = client.ask(**FORK)
    assert (reply["code"], "share link" in reply["message"]) == ("forbidden", True)
    assert kernel.take() == []


def test_order_sent_again_reaches_the_kernel_once(host, kernel):
    command = {"type": "cancel", "run_id": "r1", "id": "c-1"}
    first, second = host.client(), host.client()
    first.take(), second.take()
    first.send(**command)
    second.send(**command)
    (order,) = kernel.take()
    kernel.send(type="order_reply", order_id=order["order_id"])
    assert (
        first.take() == second.take() == [{"type": "ack", "id": "c-1", "run_id": "r1"}]
    )
    assert host.client().ask(**command)["type"] == "ack"
    assert kernel.take() == []


def test_order_reply_by_another_kernel_counts_for_nothing(host, kernel):
    client = host.client()
    client.take()
    client.send(type="cancel", run_id="r1")
    order = kernel.take()[0]["order_id"]
    host.kernel("k2", "p2").send(type="order_reply", order_id=order)
    assert client.take() == []


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("answer", {"type": "cancel", "run_id": "r1"}),
        ("view", {"type": "node_input", "run_id": "r1", "node_id": "A"}),
        ("control", {"type": "start_workflow", "workflow": "w"}),
        ("control", FORK),
        ("control", {"type": "message", "content": "x"}),
    ],
)
def test_command_beyond_the_role_is_forbidden(host, kernel, role, command):
    client = host.client(Peer(identity=Identity(user="u"), role=role))
    assert client.ask(**command)["code"] == "forbidden"
    assert kernel.take() == []
