"""Small graphs of nodes in a row, for tests of threads."""

import operator
from typing import Annotated, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt


class State(TypedDict, total=False):
    log: Annotated[list, operator.add]
    count: int


def build(**nodes):
    """Not yet compiled."""
    builder = StateGraph(State)
    builder.add_sequence(list(nodes.items()))
    builder.add_edge(START, next(iter(nodes)))
    return builder


def says(word):
    return lambda state: {"log": [word]}


def asks(state):
    return {"log": [interrupt("?")]}


def thread(name):
    return {"configurable": {"thread_id": name}}
