"""What models write in a graph: streams of their attempt, of each kind apart."""

import sys
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy

import kgnb

sys.path.insert(0, str(Path(__file__).parent))  # for scripted_model

from scripted_model import ScriptedModel, calls_tool

ASK = {"messages": [("user", "go")]}


def one_node(function, **options):
    builder = StateGraph(MessagesState)
    builder.add_node("speak", function, **options)
    builder.add_edge(START, "speak")
    return builder.compile()


def streams(result):
    return [(s.node_id, s.kind, s.text, s.final) for s in result.view.streams]


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_tokens_are_shown_however_the_model_is_called(way):
    model = ScriptedModel(script=[["hello ", "big ", "world"]])

    def speak(state):
        if way == "invoke":
            return {"messages": [model.invoke("go")]}
        return {"messages": ["".join(c.content for c in model.stream("go"))]}

    async def speak_async(state):
        if way == "ainvoke":
            return {"messages": [await model.ainvoke("go")]}
        return {"messages": ["".join([c.content async for c in model.astream("go")])]}

    graph = one_node(speak_async if way[0] == "a" else speak)
    result = kgnb.run(graph, ASK).result(20)
    assert streams(result) == [("speak", "text", "hello big world", True)]
    assert result.shared["messages"][-1].content == "hello big world"


def test_reasoning_tool_calls_and_text_stay_apart():
    model = ScriptedModel(
        script=[
            [
                {"additional_kwargs": {"reasoning_content": "let me "}},
                {"additional_kwargs": {"reasoning_content": "think"}},
                "I will send",
                *calls_tool("send", '{"to": "bob"}'),
            ]
        ]
    )
    graph = one_node(lambda state: {"messages": [model.invoke("go")]})
    result = kgnb.run(graph, ASK).result(20)
    assert [(s.kind, s.text) for s in result.view.streams] == [
        ("reasoning", "let me think"),
        ("text", "I will send"),
        ("tool_call", '{"to": "bob"}'),
    ]
    assert result.view.streams[2].tool == "send"


def test_two_calls_of_one_node_are_two_streams():
    model = ScriptedModel(script=[["one"], ["two"]])

    def speak(state):
        return {"messages": [model.invoke("go"), model.invoke("go")]}

    result = kgnb.run(one_node(speak), ASK).result(20)
    assert streams(result) == [
        ("speak", "text", "one", True),
        ("speak", "text", "two", True),
    ]


def test_tokens_of_a_failed_attempt_are_its_own_and_superseded():
    broken = ConnectionError("cut")
    model = ScriptedModel(script=[["half of ", broken], ["whole ", "text"]])
    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    graph = one_node(
        lambda state: {"messages": [model.invoke("go")]}, retry_policy=policy
    )
    result = kgnb.run(graph, ASK).result(20)
    assert [(s.attempt, s.text, s.superseded) for s in result.view.streams] == [
        (1, "half of ", True),
        (2, "whole text", False),
    ]


def test_tokens_of_a_subgraph_belong_to_its_node():
    model = ScriptedModel(script=[["deep"]])
    inner = one_node(lambda state: {"messages": [model.invoke("go")]})
    builder = StateGraph(MessagesState)
    builder.add_node("sub", inner)
    builder.add_edge(START, "sub")
    result = kgnb.run(builder.compile(), ASK).result(20)
    assert streams(result) == [("sub/speak", "text", "deep", True)]


def test_an_agents_tool_call_is_approved_with_edited_arguments():
    sent = []

    @tool
    def send(to: str, text: str) -> str:
        """Send a mail."""
        sent.append((to, text))
        return f"sent to {to}"

    model = ScriptedModel(
        script=[
            calls_tool("send", '{"to": "bob", "text": "hi"}'),
            ["All ", "done."],
        ]
    )
    graph = create_agent(
        model,
        [send],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"send": True})],
        checkpointer=InMemorySaver(),
    )

    def decide(approval):
        assert approval.options[:2] == ["approve", "edit"]
        assert approval.payload == {"to": "bob", "text": "hi"}
        assert "send" in approval.message
        return kgnb.Answer("edit", payload={"to": "eve", "text": "hi"})

    result = kgnb.run(graph, ASK, answers=decide).result(20)
    assert sent == [("eve", "hi")]
    assert result.shared["messages"][-1].content == "All done."
    (told,) = result.view.messages
    assert (told.role, told.name) == ("tool", "send")
    assert told.content.endswith("sent to eve")
    (call,) = [s for s in result.view.streams if s.kind == "tool_call"]
    assert call.text == '{"to": "bob", "text": "hi"}'
    assert call.outcome.args == {"to": "eve", "text": "hi"}
    assert call.outcome.content == told.content
    assert not call.outcome.failed
    texts = [s.text for s in result.view.streams if s.kind == "text" and s.text]
    assert texts == ["All done."]
