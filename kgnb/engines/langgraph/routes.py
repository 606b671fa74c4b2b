"""Which edges a graph takes, which none of LangGraph's events names.

What a node or a router returned tells where it leads; where it was not seen, as of a
cached result, the declared edges and the order of the steps are what is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langgraph.errors import ParentCommand
from langgraph.types import Command, Send

from kgnb.graph.observe import NO_RESULT, Via

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kgnb.engines.langgraph.picture import Picture
    from kgnb.engines.langgraph.visits import Task


class Level:
    """The tasks of one graph's call: those of its step, and of the one before."""

    def __init__(self) -> None:
        self.step: int | None = None
        self.before: list[Task] = []
        self.now: list[Task] = []
        self.entered: dict[str, None] = {}
        """All nodes so far, the one entered last at the end."""

    def arrive(self, task: Task, step: int | None) -> None:
        """Take in a new task; ``step`` is its number where that is known."""
        has_number = step is not None and self.step is not None
        if has_number:
            is_next = step != self.step
        else:
            # Tasks of one step are all told before one of them ends.
            is_next = any(other.ended for other in self.now)
        if is_next:
            for other in self.now:
                self.entered.pop(other.visit.node_id, None)
                self.entered[other.visit.node_id] = None
                other.result = NO_RESULT
            self.before, self.now, self.step = self.now, [], None
        self.step = self.step if step is None else step
        self.now.append(task)


def ways_to(task: Task, picture: Picture) -> list[Via]:
    """The edges that led to a task, the one to be counted first.

    Several nodes of a step may lead to the same task. Never by arrival: what runs side
    by side comes in any order, and a record must not depend on it.
    """
    level, target = task.level, task.visit.node_id
    before = _in_order(level.before, picture)
    said = [each for each in before if task.name in each.leads_to]
    if said:
        return [_way(each.visit.node_id, target, picture) for each in said]
    names = [each.visit.node_id for each in before]
    # A node that waits for others, or for all others, may follow any of them.
    for source in [*names, *reversed(level.entered)]:
        if picture.action(source, target) is not None:
            return [_way(source, target, picture)]
    free = [name for name in names if not picture.has_targets(name)]
    return [Via(name, "default") for name in (free or names)[-1:]]


def _in_order(tasks: Iterable[Task], picture: Picture) -> list[Task]:
    """One task of each node, as the picture has them."""
    nodes = {task.visit.node_id: task for task in tasks}
    if len(nodes) < 2:  # noqa: PLR2004 - which is nearly always
        return [*nodes.values()]
    return [nodes[name] for name in sorted(nodes, key=picture.place)]


def _way(source: str, target: str, picture: Picture) -> Via:
    return Via(source, picture.action(source, target) or "default")


def led_by(returned: Any) -> Iterator[str]:
    """The names of the nodes to which a node's own return value leads."""
    if isinstance(returned, Command):
        if returned.graph is None:
            yield from routed_by(returned.goto)
    elif isinstance(returned, list | tuple):
        for each in returned:
            if isinstance(each, Command):
                yield from led_by(each)


def routed_by(returned: Any) -> Iterator[str]:
    """The names of the nodes to which a router leads, where they are no labels."""
    if isinstance(returned, str):
        yield returned
    elif isinstance(returned, Send):
        yield returned.node
    elif isinstance(returned, list | tuple):
        for each in returned:
            yield from routed_by(each)


def handed_over_by(error: BaseException) -> Iterator[str]:
    """The names of the nodes to which a node of a nested graph led its own graph."""
    if isinstance(error, ParentCommand) and not is_to_parent(error):
        yield from routed_by(error.args[0].goto)


def is_to_parent(error: BaseException) -> bool:
    """Whether a node ended by a command to the graph around its own.

    LangGraph raises it through that graph's node, and then names the graph in it.
    """
    return isinstance(error, ParentCommand) and error.args[0].graph == Command.PARENT
