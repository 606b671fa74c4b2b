"""Chats of every kind, as a notebook's cell or an application publishes them.

Each answers ``"… ?"`` with the messages that it was given, stops for good in the
middle of its reply to ``"… and wait"``, and fails in the middle of that to ``"… !"``.
"""

import asyncio
import json
import sqlite3
from pathlib import Path

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

import kgnb
from kgnb.engines.messages import messages_of

HALF = "I begin "


async def reply(messages):
    told = messages_of(messages)
    text = told[-1]["content"]
    if text.endswith("?"):
        yield json.dumps([[each["role"], each["content"]] for each in told])
    elif text.endswith("and wait"):
        yield HALF
        await asyncio.sleep(3600)
    elif text.endswith("!"):
        yield HALF
        raise RuntimeError(text)
    else:
        yield f"{text}, "
        yield "indeed"


class Talk(kgnb.ChatWebSocketNode):
    """A run for the whole conversation."""

    def reply(self, messages):
        return reply(messages)


class Turn(kgnb.AsyncNode):
    """A run for each message."""

    async def prep_async(self, shared):
        return shared["messages"]

    async def exec_async(self, messages):
        return str(await kgnb.stream(reply(messages)))

    async def post_async(self, shared, messages, text):
        messages.append({"role": "assistant", "content": text})


async def answer(state):
    return {"messages": [("ai", str(await kgnb.stream(reply(state["messages"]))))]}


def answer_in_thread(state):
    text = kgnb.stream(reply(state["messages"])).result()
    return {"messages": [("ai", str(text))]}


def agent(node, checkpointer=None):
    builder = StateGraph(MessagesState)
    builder.add_node("answer", node)
    builder.add_edge(START, "answer")
    return builder.compile(checkpointer=checkpointer)


file = sqlite3.connect(Path.home() / "threads.sqlite", check_same_thread=False)
CHATS = {
    "talk": kgnb.AsyncGraph(Talk()),
    "turn": kgnb.AsyncGraph(Turn()),
    "function": reply,
    "stateless": agent(answer),
    "memory": agent(answer, InMemorySaver()),
    "file": agent(answer_in_thread, SqliteSaver(file)),
}
for name, graph in CHATS.items():
    kgnb.publish(name, graph, input="messages")
