"""LangGraph chats, as a notebook's cell or an application publishes them."""

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph

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


async def publish(stack):
    """The checkpointer on a file belongs to the loop that runs this."""
    opened = AsyncSqliteSaver.from_conn_string("threads.db")
    on_file = graph(await stack.enter_async_context(opened))
    kgnb.publish("file", on_file, input="messages", state=["turns"])
    kgnb.publish("plain", graph(), input="messages", state=["turns"])
    memory = graph(InMemorySaver())
    kgnb.publish("chat", memory, input="messages", state=["turns"], default=True)
