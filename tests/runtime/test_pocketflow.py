"""PocketFlow programs, by its documented patterns, under ``kgnb.run``."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pocketflow
import pytest

import kgnb
from kgnb.errors import RunCancelled
from kgnb.protocol.events import NodeUpdate
from kgnb.runtime import run

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
from unchanged import snapshot


def events_of(handle):
    async def main():
        return [event async for event in handle.events()]

    return asyncio.run(main())


def updates_of(handle):
    """The updates of nodes, each as what is of interest in it."""
    found = []
    for event in events_of(handle):
        if isinstance(event, NodeUpdate) and event.progress is None:
            via = (event.via.node_id, event.via.action) if event.via else None
            found.append((event.task_id, event.status, event.attempt, via))
    return found


def node_of(run, node_id):
    return run.view.nodes[node_id]


# The workflow: three steps, the second one unreliable.


class Outline(pocketflow.Node):
    def prep(self, shared):
        return shared["topic"]

    def exec(self, topic):
        return [f"{topic} {n}" for n in (1, 2)]

    def post(self, shared, prep_res, exec_res):
        shared["sections"] = exec_res


class WriteAll(pocketflow.BatchNode):
    """Each section fails once."""

    def __init__(self, **others):
        super().__init__(**others)
        self.tries = []

    def prep(self, shared):
        return shared["sections"]

    def exec(self, section):
        self.tries.append(section)
        if self.tries.count(section) == 1:
            raise ConnectionError(section)
        return section.upper()

    def post(self, shared, prep_res, exec_res):
        shared["texts"] = exec_res


class Style(pocketflow.Node):
    def prep(self, shared):
        return shared["texts"]

    def exec(self, texts):
        raise ConnectionError

    def exec_fallback(self, texts, exc):
        return " ".join(texts)

    def post(self, shared, texts, styled):
        shared["article"] = styled
        return "done"


def article():
    outline, write, style = Outline(), WriteAll(max_retries=2), Style(max_retries=2)
    outline >> write >> style
    return pocketflow.Flow(start=outline)


def test_pocketflow_workflow_shows_all_of_it():
    flow = article()
    before = snapshot(flow)
    handle = run(flow, {"topic": "tides"})
    result = handle.result(10)
    assert result.shared["article"] == "TIDES 1 TIDES 2"
    assert result.action == "done"
    assert result.value == "TIDES 1 TIDES 2"
    started = events_of(handle)[0]
    assert started.workflow == started.graph.name == "Flow"
    nodes = [(node.id, node.kind) for node in started.graph.nodes]
    assert nodes == [("Outline", "node"), ("WriteAll", "batch"), ("Style", "node")]
    edges = [(edge.source, edge.action, edge.target) for edge in started.graph.edges]
    assert edges == [
        ("Outline", "default", "WriteAll"),
        ("WriteAll", "default", "Style"),
    ]
    assert updates_of(handle) == [
        ("Outline:1", "running", 1, None),
        ("Outline:1", "completed", 1, None),
        ("WriteAll:1", "running", 1, ("Outline", "default")),
        ("WriteAll:1", "completed", 1, None),
        ("Style:1", "running", 1, ("WriteAll", "default")),
        ("Style:1", "retrying", 1, None),
        ("Style:1", "running", 2, None),
        ("Style:1", "completed", 1, None),
    ]
    assert set(node_of(handle, "WriteAll").items) == {"0", "1"}
    assert node_of(handle, "WriteAll").progress.percent == 100
    logged = [log.text for log in handle.view.logs]
    assert [text.split(":")[0] for text in logged] == ["item 0", "item 1"]
    write = flow.start_node.successors["default"]
    assert write.tries == ["tides 1"] * 2 + ["tides 2"] * 2
    write.tries.clear()  # a list, which PocketFlow's own copies share too
    assert snapshot(flow) == before


def test_pocketflow_flow_gives_what_a_plain_run_gives():
    plain, watched = {"topic": "tides"}, {"topic": "tides"}
    action = article().run(plain)
    assert run(article(), watched).result(10).action == action
    assert plain == watched


def test_pocketflow_error_names_node_and_run():
    class Failing(pocketflow.Node):
        def exec(self, prep_res):
            raise LookupError("no such tide")

    handle = run(pocketflow.Flow(start=Failing(max_retries=2)))
    with pytest.raises(LookupError, match="no such tide") as caught:
        handle.result(10)
    assert caught.value.__notes__ == ["kgnb: in node 'Failing' of run 'Flow'"]
    assert node_of(handle, "Failing").status == "failed"
    assert handle.view.error.message == "LookupError: no such tide"


# An agent: decides, acts, and asks a person before it answers.


class Decide(pocketflow.Node):
    def prep(self, shared):
        return shared.get("facts", [])

    def exec(self, facts):
        return "search" if len(facts) < 2 else "answer"

    def post(self, shared, prep_res, decision):
        return decision


class Search(pocketflow.Node):
    def post(self, shared, prep_res, exec_res):
        facts = shared.setdefault("facts", [])
        facts.append(f"fact {len(facts) + 1}")
        return "decide"


class Answer(pocketflow.Node):
    def prep(self, shared):
        return shared["facts"]

    def exec(self, facts):
        draft = ", ".join(facts)
        asked = kgnb.ask("Send it?", options=["send", "more"], payload=draft)
        return asked.result().value

    def post(self, shared, prep_res, said):
        if said == "more":
            shared["facts"].pop()
            return "decide"
        return "sent"


def agent():
    decide, search, answer = Decide(), Search(), Answer()
    decide - "search" >> search
    decide - "answer" >> answer
    search - "decide" >> decide
    answer - "decide" >> decide
    answer - "sent" >> pocketflow.Node()
    return pocketflow.Flow(start=decide)


def test_pocketflow_agent_loops_and_asks_a_person(eventually):
    handle = run(agent())
    for said in ("more", "send"):
        (approval,) = eventually(
            lambda: [a for a in handle.approvals if a.state == "open"]
        )
        assert (approval.message, approval.payload) == ("Send it?", "fact 1, fact 2")
        assert handle.status == "waiting"
        handle.answer(approval.approval_id, said)
        eventually(lambda: handle.approvals[-1].state != "open" or handle.done())
    result = handle.result(10)
    visits = {name: node.visits for name, node in handle.view.nodes.items()}
    assert visits == {"Decide": 5, "Search": 3, "Answer": 2, "Node": 1}
    assert [a.value for a in result.approvals] == ["more", "send"]
    counted = {(e.source, e.action, e.target): e.count for e in handle.view.edges}
    assert counted["Answer", "decide", "Decide"] == 1
    assert counted["Search", "decide", "Decide"] == 3


def test_pocketflow_agent_is_answered_by_a_script():
    result = run(agent(), answers=["send"]).result(10)
    assert result.shared["facts"] == ["fact 1", "fact 2"]


# Async nodes: tokens, items in parallel, flows in parallel.


class Tell(pocketflow.AsyncNode):
    async def prep_async(self, shared):
        return shared["article"]

    async def exec_async(self, article):
        async def tokens():
            for word in article.split():
                yield word.lower() + " "

        return await kgnb.stream(tokens())

    async def post_async(self, shared, prep_res, told):
        shared["told"] = told


class Translate(pocketflow.AsyncParallelBatchNode):
    met = None

    async def prep_async(self, shared):
        return shared["told"].split()

    async def exec_async(self, word):
        await asyncio.sleep(0)
        return word[::-1]

    async def post_async(self, shared, prep_res, exec_res):
        shared["translated"] = exec_res


def test_pocketflow_async_flow_streams_and_holds_sync_flows():
    first, tell = article(), Tell()
    first - "done" >> tell
    tell >> Translate()
    flow = pocketflow.AsyncFlow(start=first)
    handle = run(flow, {"topic": "tides"})
    result = handle.result(10)
    assert result.shared["translated"] == ["sedit", "1", "sedit", "2"]
    (shown,) = handle.view.streams
    assert (shown.node_id, shown.text) == ("Tell", "tides 1 tides 2 ")
    assert list(handle.view.nodes) == [
        "Flow",
        "Flow/Outline",
        "Flow/WriteAll",
        "Flow/Style",
        "Tell",
        "Translate",
    ]
    assert set(node_of(handle, "Translate").items) == {"0", "1", "2", "3"}
    assert ("Tell:1", "running", 1, ("Flow", "done")) in updates_of(handle)


class Chapter(pocketflow.AsyncNode):
    async def exec_async(self, prep_res):
        kgnb.progress(50, message=self.params["name"])
        await asyncio.sleep(0)
        return self.params["name"]

    async def post_async(self, shared, prep_res, name):
        shared["names"].append(name)


class AllChapters(pocketflow.AsyncParallelBatchFlow):
    async def prep_async(self, shared):
        return [{"name": name} for name in "abc"]


def test_pocketflow_parallel_flow_shows_its_passes():
    handle = run(AllChapters(start=Chapter()), {"names": []})
    result = handle.result(10)
    assert sorted(result.shared["names"]) == ["a", "b", "c"]
    assert node_of(handle, "AllChapters").progress.percent == 100
    assert node_of(handle, "AllChapters/Chapter").visits == 3
    assert result.value == ["a", "b", "c"]


class Resize(pocketflow.Node):
    def exec(self, prep_res):
        return f"{self.params['name']} {self.params['size']}"

    def post(self, shared, prep_res, exec_res):
        shared["made"].append(exec_res)


class EachSize(pocketflow.BatchFlow):
    def prep(self, shared):
        return [{"size": size} for size in (1, 2)]


class EachFile(pocketflow.BatchFlow):
    def prep(self, shared):
        return [{"name": name} for name in "ab"]


def test_pocketflow_batch_flow_in_a_batch_flow_hands_its_params_down():
    handle = run(EachFile(start=EachSize(start=Resize())), {"made": []})
    assert handle.result(10).shared["made"] == ["a 1", "a 2", "b 1", "b 2"]
    visits = {name: node.visits for name, node in handle.view.nodes.items()}
    assert visits == {
        "EachFile": 1,
        "EachFile/EachSize": 2,
        "EachFile/EachSize/Resize": 4,
    }


# The end of a run before its end.


def test_pocketflow_sync_flow_is_cancelled_in_the_wait_between_attempts(eventually):
    class Waiting(pocketflow.Node):
        def exec(self, prep_res):
            raise ConnectionError

    handle = run(pocketflow.Flow(start=Waiting(max_retries=5, wait=3600)))
    eventually(lambda: "Waiting" in handle.view.nodes)
    eventually(lambda: node_of(handle, "Waiting").status == "retrying")
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert node_of(handle, "Waiting").status == "cancelled"


def test_pocketflow_async_nodes_are_cancelled_where_they_wait(eventually):
    class Forever(pocketflow.AsyncParallelBatchNode):
        async def prep_async(self, shared):
            return [1, 2]

        async def exec_async(self, item):
            await asyncio.Event().wait()

    handle = run(pocketflow.AsyncFlow(start=Forever()))
    eventually(lambda: "Forever" in handle.view.nodes)
    eventually(lambda: len(node_of(handle, "Forever").items) == 2)
    handle.cancel()
    with pytest.raises(RunCancelled):
        handle.result(10)
    assert node_of(handle, "Forever").status == "cancelled"


def test_pocketflow_flow_pauses_before_a_node(eventually):
    handle = run(article(), {"topic": "tides"}, pause_before=["Style"])
    eventually(lambda: handle.status == "paused")
    assert node_of(handle, "Style").visits == 0
    handle.resume()
    assert handle.result(10).action == "done"


def test_pocketflow_flow_runs_many_times_at_once():
    flow = agent()
    runs = [run(flow, answers=["send"], panel=False) for _ in range(5)]
    assert all(len(each.result(10).shared["facts"]) == 2 for each in runs)


def test_kgnb_imports_neither_library():
    code = (
        "import sys, kgnb; kgnb.run; import kgnb.engines;"
        "print(sorted({'pocketflow', 'kaygraph'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
