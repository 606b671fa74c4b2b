"""The WebSocket nodes in a run, on the kernel's own log; clients are channels to it."""

import asyncio
import contextlib
import itertools

import pytest

import kgnb
from kgnb.errors import Conflict, InvalidValue, Unanswerable
from kgnb.runtime import run


def start(node, shared=None, **options):
    return run(kgnb.AsyncGraph(node), {} if shared is None else shared, **options)


class Client:
    """A client socket to the broker of a run: what a page or a script has."""

    def __init__(self, handle, **subscription):
        self.frames = []
        self._ids = itertools.count(1)
        self.channel = handle.open_channel(via="page", receive=self.frames.extend)
        self.handle = handle
        self.channel.send(
            {
                "type": "subscribe",
                "run_id": handle.id,
                "since": {"seq": 0},
                **subscription,
            }
        )

    def ask(self, eventually, **frame):
        """Send, and give the reply."""
        id_ = f"c{next(self._ids)}"
        self.channel.send({"run_id": self.handle.id, **frame, "id": id_})
        return eventually(
            lambda: next((f for f in self.frames if f.get("id") == id_), 0)
        )

    def types(self):
        """Types of the events that a node caused, but for its states and waits."""
        dull = ("node_update", "log", "approval_request", "approval_resolved")
        found = [f["type"] for f in self.frames if f.get("node_id")]
        kept = [kind for kind in found if kind not in dull]
        # Text is joined between frames: one token or several make no difference.
        pairs = zip(kept, ["", *kept], strict=False)
        return [kind for kind, before in pairs if (kind, before) != ("token", "token")]

    @property
    def has_end(self):
        return bool(self.frames) and self.frames[-1]["type"] == "workflow_completed"


@pytest.fixture
def client_of():
    opened = []

    def make(handle, **subscription):
        opened.append(Client(handle, **subscription))
        return opened[-1]

    yield make
    for client in opened:
        client.channel.close()


def waiting(handle, eventually, *, kind="input"):
    """The question that is open now."""
    return eventually(
        lambda: next(
            (a for a in handle.approvals if a.state == "open" and a.kind == kind), None
        )
    )


# The three nodes of the documents: the same calls.


class ChatNode(kgnb.WebSocketNode):
    async def exec_async(self, message):
        async for token in words_of(message):
            await self.send_update("token", token)


async def words_of(text):
    for word in text.split():
        yield word + " "


class ProcessingNode(kgnb.WebSocketNode):
    async def exec_async(self, data):
        total = len(data)
        for i, _ in enumerate(data):
            progress = (i + 1) / total * 100
            await self.send_update(
                "progress", {"percent": progress, "current": i + 1, "total": total}
            )


class ApprovalNode(kgnb.WebSocketNode):
    async def exec_async(self, data):
        await self.send_update(
            "approval_request",
            {"message": "Approve this action?", "options": ["yes", "no"]},
        )
        return await self.wait_for_input(timeout=60)


def test_chat_node_of_the_documents_streams_one_text():
    handle = start(ChatNode(), {"message": "tell me more"})
    handle.result(10)
    (stream,) = handle.view.streams
    assert (stream.text, stream.final) == ("tell me more ", True)


def test_processing_node_of_the_documents_reports_real_progress():
    handle = start(ProcessingNode(), {"data": [1, 2, 3, 4, 5]})
    handle.result(10)
    bar = handle.view.nodes["ProcessingNode"].progress
    assert (bar.percent, bar.current, bar.total) == (100.0, 5, 5)


def test_approval_node_of_the_documents_opens_one_real_approval(eventually):
    handle = start(ApprovalNode(), {"data": {}})
    asked = waiting(handle, eventually, kind="choice")
    assert (asked.message, asked.options) == ("Approve this action?", ["yes", "no"])
    assert asked.expires_at is not None
    assert handle.view.nodes["ApprovalNode"].status == "waiting"
    handle.answer(asked.approval_id, "yes")
    assert handle.result(10).value == "yes"
    requests = [e for e in _events(handle) if type(e).__name__ == "ApprovalRequest"]
    assert len(requests) == 1, "deadline and question come in one event"


def _events(handle):
    async def read():
        return [event async for event in handle.events()]

    return asyncio.run(read())


@pytest.mark.parametrize("data", ["no", {"value": "no"}, {"action": "no"}])
def test_approval_node_takes_the_node_input_of_a_client(eventually, client_of, data):
    handle = start(ApprovalNode(), {"data": {}})
    waiting(handle, eventually, kind="choice")
    client = client_of(handle)
    reply = client.ask(eventually, type="node_input", node_id="ApprovalNode", data=data)
    assert reply["type"] == "ack"
    assert handle.result(10).value == "no"


def test_approval_node_refuses_what_is_no_option(eventually, client_of):
    handle = start(ApprovalNode(), {"data": {}})
    waiting(handle, eventually, kind="choice")
    client = client_of(handle)
    reply = client.ask(eventually, type="node_input", node_id="ApprovalNode", data="?")
    assert (reply["type"], reply["code"]) == ("error", "invalid")
    handle.send_input("ApprovalNode", "yes")
    assert handle.result(10).value == "yes"


# send_update


class Sends(kgnb.WebSocketNode):
    """Sends what it is given, one after the other."""

    async def exec_async(self, updates):
        for name, data in updates:
            await self.send_update(name, data)


@pytest.mark.parametrize(
    "name", ["workflow_completed", "node_update", "approval_resolved", "ack", "step"]
)
def test_name_of_the_runs_own_is_refused(name):
    handle = start(Sends(), {"updates": [(name, {})]})
    with pytest.raises(InvalidValue, match=f"send_update\\('{name}'\\).*the run's own"):
        handle.result(10)


def test_other_names_are_custom_events():
    handle = start(Sends(), {"updates": [("chat_ready", {"system": True})]})
    view = handle.result(10).view
    assert [(c.type, c.data) for c in view.custom] == [("chat_ready", {"system": True})]


def test_message_and_result_are_the_real_events():
    said = {"role": "user", "content": "hello"}
    handle = start(Sends(), {"updates": [("message", said), ("result", 42)]})
    view = handle.result(10).view
    assert [(m.role, m.content) for m in view.messages] == [("user", "hello")]


def test_message_ends_the_text_before_it():
    updates = [("token", "a"), ("token", "b"), ("message", "ab"), ("token", "c")]
    handle = start(Sends(), {"updates": updates})
    handle.result(10)
    assert [(s.text, s.final) for s in handle.view.streams] == [
        ("ab", True),
        ("c", True),
    ]


def test_form_request_becomes_a_form_whose_values_the_wait_gives(eventually):
    class Form(kgnb.WebSocketNode):
        async def exec_async(self, _):
            fields = [{"name": "copies", "type": "integer", "label": "Copies"}]
            await self.send_update(
                "approval_request", {"type": "form", "fields": fields, "for": "print"}
            )
            return await self.wait_for_input()

    handle = start(Form())
    asked = waiting(handle, eventually, kind="form")
    assert asked.schema["properties"]["copies"]["title"] == "Copies"
    assert asked.payload == {"for": "print"}, "who approves sees all there is"
    with pytest.raises(InvalidValue):
        handle.answer(asked.approval_id, {"copies": "many"})
    handle.answer(asked.approval_id, {"copies": 3})
    assert handle.result(10).value == {"copies": 3}


def test_approvals_announced_together_are_read_in_order(eventually):
    class Two(kgnb.WebSocketNode):
        async def exec_async(self, _):
            for which in ("first", "second"):
                asked = {"message": which, "options": ["a", "b"]}
                await self.send_update("approval_request", asked)
            return [await self.wait_for_input(), await self.wait_for_input()]

    handle = start(Two())
    both = eventually(lambda: len(handle.approvals) == 2 and handle.approvals)
    with pytest.raises(Conflict, match="expected an approval_id"):
        handle.send_input("Two", "a")
    handle.answer(both[1].approval_id, "b")
    handle.answer(both[0].approval_id, "a")
    assert handle.result(10).value == ["a", "b"]


def test_deadline_given_after_the_approval_was_opened_still_ends_it(eventually):
    class Late(kgnb.WebSocketNode):
        async def exec_async(self, _):
            asked = {"message": "Now?", "options": ["yes"]}
            await self.send_update("approval_request", asked)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return await self.wait_for_input(timeout=0.2, default="nobody")

    result = start(Late()).result(10)
    assert result.value == "nobody"
    assert [a.state for a in result.approvals] == ["timed_out"]


def test_approval_that_nobody_waits_for_is_cancelled_with_its_node(eventually):
    class Forgets(kgnb.WebSocketNode):
        async def exec_async(self, _):
            await self.send_update("approval_request", {"message": "?"})
            await asyncio.sleep(0.05)

    result = start(Forgets()).result(10)
    assert [(a.state, a.reason) for a in result.approvals] == [
        ("cancelled", "its node ended unread")
    ]


def test_approval_for_one_client_alone_is_refused():
    class One(kgnb.WebSocketNode):
        async def exec_async(self, _):
            await self.send_update("approval_request", {"message": "?"}, client_id="c")

    with pytest.raises(InvalidValue, match="'approvers' in its data"):
        start(One()).result(10)


# wait_for_input


class Waits(kgnb.WebSocketNode):
    """Waits as often as it is told and returns what came."""

    async def exec_async(self, times):
        return [await self.wait_for_input() for _ in range(times)]


def test_wait_is_a_question_that_every_client_sees(eventually, client_of):
    handle = start(Waits(), {"times": 1})
    asked = waiting(handle, eventually)
    assert asked.message == "Input for Waits"
    client = client_of(handle)
    answer = {"type": "answer", "approval_id": asked.approval_id, "value": "typed"}
    assert client.ask(eventually, **answer)["type"] == "ack"
    assert handle.result(10).value == ["typed"]


def test_wait_gives_the_data_as_it_came(eventually):
    sent = [{"value": 42}, [1, None], "text"]
    handle = start(Waits(), {"times": len(sent)})
    for count, data in enumerate(sent, 1):
        eventually(lambda count=count: len(handle.approvals) == count)
        handle.send_input("Waits", data)
    assert handle.result(10).value == sent


def test_input_before_the_wait_is_taken_by_it(eventually):
    go = asyncio.Event()

    class Slow(Waits):
        async def exec_async(self, times):
            await go.wait()
            return await super().exec_async(times)

    handle = start(Slow("slow"), {"times": 1})
    handle.send_input("slow", "early")
    with pytest.raises(Conflict, match="keeps an early one already"):
        handle.send_input("slow", "second")
    handle._execution.loop.call_soon_threadsafe(go.set)
    result = handle.result(10)
    assert result.value == ["early"]
    (asked,) = result.approvals
    assert (asked.state, asked.by.kind) == ("answered", "human")


@pytest.mark.parametrize(("given", "expected"), [((), None), (("later",), "later")])
def test_wait_that_nobody_answers_gives_its_default(given, expected):
    class Patient(kgnb.WebSocketNode):
        async def exec_async(self, _):
            return [await self.wait_for_input(0.1, *given)]

    assert start(Patient()).result(10).value == [expected]


def test_wait_that_was_cancelled_leaves_its_input_to_the_next(eventually):
    gave_up = []

    class Impatient(kgnb.WebSocketNode):
        async def exec_async(self, _):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait_for_input(), 0)
            gave_up.append(True)
            return await self.wait_for_input()

    handle = start(Impatient())
    waiting(handle, eventually)
    eventually(lambda: gave_up)
    handle.send_input("Impatient", "late")
    assert handle.result(10).value == "late"
    assert len(handle.approvals) == 1


def test_two_waits_at_once_are_served_in_turn(eventually):
    class Both(kgnb.WebSocketNode):
        async def exec_async(self, _):
            return await asyncio.gather(self.wait_for_input(), self.wait_for_input())

    handle = start(Both())
    eventually(lambda: len(handle.approvals) == 2)
    handle.send_input("Both", 1)
    handle.send_input("Both", 2)
    assert handle.result(10).value == [1, 2]


def test_input_for_a_node_that_is_not_there_names_the_others(eventually):
    handle = start(Waits(), {"times": 1})
    with pytest.raises(InvalidValue, match="no node 'Wait'; it has 'Waits'"):
        handle.send_input("Wait", 1)
    handle.send_input("Waits", 1)
    handle.result(10)
    with pytest.raises(Conflict, match="it has ended"):
        handle.send_input("Waits", 1)


def test_failed_attempt_leaves_its_inputs_to_the_next(eventually):
    attempts = []

    class Retries(kgnb.WebSocketNode):
        async def exec_async(self, _):
            got = await self.wait_for_input()
            attempts.append(got)
            if len(attempts) == 1:
                raise ValueError(got)
            return got

    handle = start(Retries(max_retries=2))
    waiting(handle, eventually)
    handle.send_input("Retries", "once")
    assert handle.result(10).value == "once"
    assert attempts == ["once", "once"]


# answers=


@pytest.mark.parametrize(
    "answers",
    [{"Input for Waits": "x"}, {"Waits": "x"}, ["x"], lambda approval: "x"],
)
def test_script_answers_a_wait(answers):
    handle = start(Waits(), {"times": 1}, answers=answers)
    result = handle.result(10)
    assert result.value == ["x"]
    assert result.approvals[0].by.kind == "script"


def test_wait_that_no_script_answers_fails_a_run_nobody_watches():
    handle = start(Waits(), {"times": 1}, mode="ci")
    with pytest.raises(Unanswerable, match=r"Input for Waits.*answers="):
        handle.result(10)


# The five relatives.


class Echo(kgnb.ChatWebSocketNode):
    idle_timeout = 30

    async def reply(self, messages):
        for word in messages[-1]["content"].split():
            yield word + " "


PER_MESSAGE = ["typing", "token", "message", "typing"]


def test_chat_sends_in_the_documented_order(eventually, client_of):
    shared = {}
    handle = start(Echo(), shared)
    client = client_of(handle)
    for text in ("hello", "bye"):
        waiting(handle, eventually)
        client.ask(eventually, type="message", content=text)
        eventually(
            lambda text=text: f"{text} " in [m.content for m in handle.view.messages]
        )
    waiting(handle, eventually)
    client.ask(eventually, type="end_chat")
    result = handle.result(10)
    assert result.value["messages_exchanged"] == 4
    assert result.value["conversation"] == shared["messages"]
    assert [m["role"] for m in shared["messages"]] == ["user", "assistant"] * 2
    eventually(lambda: client.has_end)
    assert client.types()[:-1] == ["chat_ready", *PER_MESSAGE, *PER_MESSAGE]
    assert client.frames[-1]["data"] == result.value
    typing = [f["data"]["status"] for f in client.frames if f["type"] == "typing"]
    assert typing == [True, False] * 2


def test_chat_answers_a_message_that_was_there_first():
    shared = {"messages": [{"role": "user", "content": "hello"}]}
    start(Echo(), shared, answers=[{"type": "end_chat"}]).result(10)
    assert shared["messages"][-1] == {"role": "assistant", "content": "hello "}


def test_chat_that_nobody_goes_on_with_ends_by_itself():
    class Brief(Echo):
        idle_timeout = 0.1

    result = start(Brief()).result(10)
    assert result.value == {"messages_exchanged": 0, "conversation": []}
    assert "timeout" in [c.type for c in result.view.custom]


def test_chat_waits_as_long_as_its_node_is_told_to():
    assert Echo().idle_timeout == 30
    assert Echo(idle_timeout=None).idle_timeout is None
    result = start(Echo(idle_timeout=0.1)).result(10)
    assert "timeout" in [c.type for c in result.view.custom]


def test_chat_that_fails_answers_the_same_message_again_and_none_before_it():
    heard = []

    class Flaky(Echo):
        async def reply(self, messages):
            heard.append(messages[-1]["content"])
            yield f"{len(heard)}"
            if len(heard) == 2:
                raise RuntimeError("half way")

    shared = {}
    odd = [{"type": "nonsense"}, {"content": None}]
    answers = ["one", *odd, "two", "three", {"type": "end_chat"}]
    result = start(Flaky(max_retries=2), shared, answers=answers).result(10)
    assert heard == ["one", "two", "two", "three"]
    said = [(m["role"][0], m["content"]) for m in shared["messages"]]
    assert said == [("u", "one"), ("a", "1"), ("u", "two"), ("a", "3"),
                    ("u", "three"), ("a", "4")]  # fmt: skip
    assert result.value["conversation"] == shared["messages"]


def test_chat_whose_reply_fails_keeps_what_was_said_before():
    class Broken(Echo):
        async def reply(self, messages):
            yield "a"
            if len(messages) > 1:
                raise RuntimeError("half way")

    shared = {}
    with pytest.raises(RuntimeError, match="half way"):
        start(Broken(), shared, answers=["one", "two"]).result(10)
    assert [m["content"] for m in shared["messages"]] == ["one", "a", "two"]


@pytest.mark.parametrize("made", ["text", "generator", "stream"])
def test_chat_takes_every_kind_of_reply(made):
    class Replies(kgnb.ChatWebSocketNode):
        async def reply(self, messages):
            if made == "text":
                return "hello"
            if made == "generator":
                return (part for part in ("hel", "lo"))
            return kgnb.stream(["hel", "lo"])

    node = Replies()
    if made == "stream":
        node.reply = lambda messages: kgnb.stream(["hel", "lo"])
    shared = {"messages": [{"role": "user", "content": "?"}]}
    start(node, shared, answers=[{"type": "end_chat"}]).result(10)
    assert shared["messages"][-1]["content"] == "hello"
    assert type(shared["messages"][-1]["content"]) is str


def test_chat_without_a_reply_fails_with_what_to_do():
    handle = start(kgnb.ChatWebSocketNode(), answers=["hello"])
    with pytest.raises(NotImplementedError, match="override reply"):
        handle.result(10)


def test_chat_ignores_what_is_no_message():
    answers = [{"type": "nonsense"}, {"type": "message", "content": "a b"}]
    handle = start(Echo(), answers=[*answers, {"type": "end_chat"}])
    assert handle.result(10).value["messages_exchanged"] == 2


def test_progress_node_sends_in_the_documented_order(eventually, client_of):
    class Work(kgnb.ProgressWebSocketNode):
        def process(self, item):
            return item * 2

    handle = start(Work(), {"items": [1, 2]})
    assert handle.result(10).value == {"items_processed": 2, "results": [2, 4]}
    client = client_of(handle)
    eventually(lambda: client.has_end)
    done = [f["data"] for f in client.frames if f["type"] == "item_completed"]
    assert done == [{"item": 1, "result": 2}, {"item": 2, "result": 4}]
    last = [f for f in client.frames if f["type"] == "progress"][-1]["data"]
    assert last == {
        "percent": 100.0,
        "current": 2,
        "total": 2,
        "message": "Processed 2 of 2",
    }


class Review(kgnb.InteractiveWebSocketNode):
    async def process(self, data):
        return data["price"] * 2


def review(eventually, *answers):
    """A review's result, its answers given as each question opens."""
    handle = start(Review(), {"data": {"price": 2}})
    for count, answer in enumerate(answers, 1):
        eventually(lambda count=count: len(handle.approvals) == count)
        handle.send_input("Review", answer)
    return handle.result(10)


def test_review_that_is_approved_shows_its_steps(eventually):
    result = review(eventually, "approve")
    assert result.value == {"status": "completed", "data": {"price": 2}, "result": 4}
    steps = [c.data["number"] for c in result.view.custom]
    assert steps == [1, 2, 3]


def test_review_that_modifies_works_on_the_modified_data(eventually):
    result = review(eventually, {"action": "modify"}, {"price": 5})
    assert (result.value["data"], result.value["result"]) == ({"price": 5}, 10)


def test_review_that_is_rejected_takes_another_way(eventually):
    result = review(eventually, "reject")
    assert result.value == {"status": "rejected", "step": 1}
    assert result.action == "rejected"


@pytest.mark.parametrize("answers", [[], ["modify"]])
def test_review_that_nobody_finishes_says_so(answers):
    class Brief(Review):
        confirm_timeout = form_timeout = 0.3

    handle = start(Brief(), {"data": {"price": 2}}, answers=answers)
    result = handle.result(10)
    assert result.value == {"status": "timeout", "step": 1}
    assert result.action == "timeout"


def test_session_is_decided_by_clients(eventually, client_of):
    node = kgnb.CollaborativeWebSocketNode(options=["ship", "hold"], quorum=2)
    handle = start(node, {"proposal": "1.0"})
    clients = [client_of(handle) for _ in range(3)]
    inputs = [
        (0, {"action": "join", "participant": "ana"}),
        (1, {"participant": "ben", "text": "why now?"}),
        (0, {"action": "vote", "value": "ship", "participant": "ana"}),
        (1, {"action": "vote", "value": "hold", "participant": "ben"}),
        (2, {"action": "vote", "value": "ship", "participant": "cem"}),
    ]
    for who, data in inputs:
        waiting(handle, eventually)
        frame = {"type": "node_input", "node_id": "CollaborativeWebSocketNode"}
        while clients[who].ask(eventually, **frame, data=data)["type"] == "error":
            pass  # one is kept while the node takes the last: sent again
    result = handle.result(10)
    assert result.value["result"] == "ship"
    assert result.value["participants"] == ["ana", "ben", "cem"]
    eventually(lambda: clients[2].has_end)
    told = clients[2].types()
    assert told[:3] == ["session_ready", "participant_joined", "participant_joined"]
    assert told[3] == "collaborative_update"
    assert told[-2] == "decision"


def test_session_without_a_word_ends_by_itself():
    class Brief(kgnb.CollaborativeWebSocketNode):
        idle_timeout = 0.1

    assert start(Brief(), {"proposal": 1}).result(10).value["status"] == "timeout"
