"""LangGraph chats, as a notebook's cell or an application publishes them."""

import operator
from collections import Counter
from typing import Annotated, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

import kgnb


class State(MessagesState, total=False):
    turns: int
    secret: str


def choose(state):
    return {"turns": sum(m.type == "human" for m in state["messages"]), "secret": "x"}


async def answer(state):
    return {"messages": [("ai", f"{state['turns']}: {state['messages'][-1].content}")]}


def graph(saver=None):
    builder = StateGraph(State)
    builder.add_sequence([("choose_tool", choose), ("answer", answer)])
    builder.add_edge(START, "choose_tool")
    return builder.compile(checkpointer=saver)


class Review(TypedDict, total=False):
    name: str
    said: Annotated[list, operator.add]


bodies = Counter()


def asks(node, *questions):
    def ask(state):
        bodies[state["name"], node] += 1
        return {"said": [[question, interrupt(question)] for question in questions]}

    return ask


def review():
    """Two nodes that ask at once, then one that asks twice."""
    builder = StateGraph(Review)
    builder.add_node("a", asks("a", "A?"))
    builder.add_node("b", asks("b", "B?"))
    builder.add_node("both", asks("both", "delete C?", "delete D?"))
    builder.add_edge(START, "a")
    builder.add_edge(START, "b")
    builder.add_edge(["a", "b"], "both")
    return builder.compile(checkpointer=InMemorySaver())


def reviewed(state):
    ran = {node: n for (name, node), n in bodies.items() if name == state["name"]}
    return {"said": dict(state["said"]), "ran": ran}


async def publish(stack):
    """The checkpointer on a file belongs to the loop that runs this."""
    opened = AsyncSqliteSaver.from_conn_string("threads.db")
    on_file = graph(await stack.enter_async_context(opened))
    kgnb.publish("file", on_file, input="messages", state=["turns"])
    kgnb.publish("plain", graph(), input="messages", state=["turns"])
    memory = graph(InMemorySaver())
    kgnb.publish("chat", memory, input="messages", state=["turns"], default=True)
    kgnb.publish("review", review(), result=reviewed)
