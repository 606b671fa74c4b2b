"""What a session holds, whatever becomes of its runs."""

import pytest

from kgnb.broker import Identity, Peer

SAY = {"type": "message", "session_id": "s"}
ALICE = Peer(identity=Identity(user="alice"), role="start")


@pytest.fixture
def kernel(host):
    kernel = host.kernel()
    published = {"name": "w", "published_at": 1.0, "input": "messages"}
    kernel.send(type="publish", n=1, workflows=[published])
    return kernel


class Chatting:
    """A run of a chat node, as its kernel plays it."""

    def __init__(self, host, kernel):
        self.host = host
        self.kernel = kernel
        (self.order,) = kernel.take("start")
        self.n = 0

    def append(self, **event):
        self.n += 1
        self.kernel.append(self.order["run_id"], self.n, event)

    def begin(self):
        self.append(type="workflow_started", session_id="s")
        self.kernel.send(type="started", run_id=self.order["run_id"])

    def wait(self, approval):
        request = self.kernel.request(
            self.host, approval, message="?", kind="input", options=None
        )
        self.append(**request)

    def reply(self, *messages):
        told = {"state": {}, "next": "Talk", "next_nodes": ["Talk"]}
        self.append(type="step", messages=list(messages), **told)

    def die(self):
        """Its process is dead; another one publishes the same."""
        self.host.broker.kernels.gone("k1", "it died", self.host.now)
        self.host.perform()


def user(text):
    return {"role": "user", "content": text}


def bot(text):
    return {"role": "assistant", "content": text}


def go_on(host, kernel, text="more"):
    """What the session's next run is given."""
    host.client(ALICE).send(**SAY, content=text)
    (order,) = kernel.take("start")
    return order["messages"]


def test_message_that_a_node_got_is_in_the_session_though_nobody_answered(host, kernel):
    client = host.client(ALICE)
    client.send(**SAY, content="one")
    chat = Chatting(host, kernel)
    chat.begin()
    chat.reply(user("one"), bot("1"))
    chat.wait("w1")
    client.send(**SAY, content="two")
    chat.append(type="workflow_failed", error={"code": "internal", "message": "no"})
    assert go_on(host, kernel) == [user("one"), bot("1"), user("two"), user("more")]


def test_message_that_was_answered_stands_once(host, kernel):
    client = host.client(ALICE)
    client.send(**SAY, content="one")
    chat = Chatting(host, kernel)
    chat.begin()
    said = [user("one"), bot("1")]
    chat.reply(*said)
    for n, text in enumerate(("two", "three"), 1):
        chat.wait(f"w{n}")
        client.send(**SAY, content=text)
        said += [user(text), bot(text.upper())]
        chat.reply(*said)
    chat.wait("w3")
    client.send(**SAY, content="four")
    chat.append(type="workflow_cancelled")
    assert go_on(host, kernel) == [*said, user("four"), user("more")]


def test_bare_message_brings_steps_of_a_run_that_another_kind_of_message_began(
    host, kernel
):
    first = host.client(ALICE)
    first.send(**SAY, content="one")
    chat = Chatting(host, kernel)
    chat.begin()
    chat.reply(user("one"), bot("1"))
    chat.wait("w1")
    second = host.client(ALICE)
    second.send(session_id="s", message="two")
    chat.reply(user("one"), bot("1"), user("two"), bot("2"))
    assert len(second.take("step")[-1]["messages"]) == 4
    assert first.take("step") == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a text", ["a text"]),
        ({"message": "a text"}, ["a text"]),
        ({"type": "end_chat", "content": "x"}, []),
        ({"value": 42}, []),
        (None, []),
    ],
)
def test_input_is_a_message_where_it_says_something(host, kernel, given, kept):
    client = host.client(ALICE)
    client.send(**SAY, content="one")
    chat = Chatting(host, kernel)
    chat.begin()
    chat.wait("w1")
    run_id = chat.order["run_id"]
    client.send(type="node_input", run_id=run_id, node_id="A", data=given)
    chat.append(type="workflow_completed", data=1)
    said = [message["content"] for message in go_on(host, kernel)]
    assert said == ["one", *kept, "more"]


def test_what_a_dead_run_was_told_is_found_after_a_restart(host, make_host, kernel):
    token = kernel.take("welcome")[0]["owner_token"]
    client = host.client(ALICE)
    client.send(**SAY, content="one")
    chat = Chatting(host, kernel)
    chat.begin()
    said = [user("one"), bot("1")]
    chat.reply(*said)
    for n, text in enumerate(("two", "three", "four"), 1):
        host.now += 1
        chat.wait(f"w{n}")
        client.send(**SAY, content=text)
    chat.append(type="workflow_completed", data=1)
    again = make_host(tables=host.tables, now=host.now)
    assert go_on(again, again.kernel(token=token)) == [
        *said, user("two"), user("three"), user("four"), user("more")
    ]  # fmt: skip


def test_message_that_a_kernel_refused_is_not_kept(host, kernel):
    client = host.client(ALICE)
    client.send(**SAY, content="one", id=1)
    chat = Chatting(host, kernel)
    refusal = {"code": "invalid", "message": "not that"}
    kernel.send(type="started", run_id=chat.order["run_id"], **refusal)
    assert client.take("error")[0]["id"] == 1
    assert go_on(host, kernel, "two") == [user("two")]


def test_message_behind_one_that_was_refused_has_its_turn(host, kernel):
    client = host.client(ALICE)
    client.send(**SAY, content="one")
    chat = Chatting(host, kernel)
    client.send(**SAY, content="two")
    refusal = {"code": "invalid", "message": "not that"}
    kernel.send(type="started", run_id=chat.order["run_id"], **refusal)
    (order,) = kernel.take("start")
    assert order["messages"] == [user("two")]


def test_message_of_a_run_that_never_began_can_be_said_again(host, kernel):
    client = host.client(ALICE)
    client.send(**SAY, content="one", id=1)
    chat = Chatting(host, kernel)
    chat.die()
    kernel = host.kernel("k2", "p2")
    published = {"name": "w", "published_at": 2.0, "input": "messages"}
    kernel.send(type="publish", n=1, workflows=[published])
    client.send(**SAY, content="one", id=1)
    (order,) = kernel.take("start")
    assert order["run_id"] != chat.order["run_id"]
    assert order["messages"] == [user("one")]


def test_message_said_again_to_a_run_that_never_began_waits_for_its_kernel(
    host, make_host, kernel
):
    token = kernel.take("welcome")[0]["owner_token"]
    host.client(ALICE).send(**SAY, content="one", id=1)
    again = make_host(tables=host.tables, now=host.now)
    client = again.client(ALICE)
    client.send(**SAY, content="one", id=1)
    assert client.take("ack") == []
    chat = Chatting(again, again.kernel(token=token))
    chat.begin()
    assert client.take("ack")[0]["run_id"] == chat.order["run_id"]


def test_message_said_again_to_a_run_whose_kernel_died_is_refused_and_not_kept(
    host, make_host, kernel
):
    host.client(ALICE).send(**SAY, content="one", id=1)
    again = make_host(tables=host.tables, now=host.now)
    client = again.client(ALICE)
    client.send(**SAY, content="one", id=1)
    again.broker.kernels.gone("k1", "it died", again.now)
    again.perform()
    again.tick(1)
    assert client.take("error")[0]["code"] == "unavailable"
    kernel = again.kernel("k2", "p2")
    published = {"name": "w", "published_at": 2.0, "input": "messages"}
    kernel.send(type="publish", n=1, workflows=[published])
    assert go_on(again, kernel) == [user("more")]
