"""A graph as a workflow file's data: classes, arguments, wiring, nested graphs."""

from __future__ import annotations

import inspect
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from kgnb.errors import GraphError
from kgnb.graph import arrows
from kgnb.graph.classes import class_name
from kgnb.graph.composition import is_same
from kgnb.graph.functions import FunctionNode
from kgnb.graph.policies import Policy, policy_of
from kgnb.graph.spec import Scope, describe, is_node, label_of, members

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a file says in another way, or by its structure.
_STRUCTURE = {"node_id", "config", "name", "start", "start_node", "graph", "graphs"}
# A graph's own settings: under other names, since a subclass may have these.
_OF_GRAPHS = {"strict": "_is_strict", "max_visits": "_visit_limit", "state": "_state"}


def graph_to_document(graph: Any, name: str | None = None) -> dict[str, Any]:
    """The data of a file that ``workflow_reader`` makes an equal graph of.

    Args:
        graph: The graph; nested ones become workflows of their own.
        name: What to call it; None takes its own name.

    Raises:
        GraphError: Something cannot be written; names the node and what it is.
    """
    if not hasattr(graph, "get_next_node"):
        kind = type(graph).__name__
        raise GraphError(f"expected a graph to export, got {kind}: write Graph(start)")
    writer = _Writer()
    scope = Scope()
    describe(graph, scope)  # names the nodes as the picture does
    main = writer.workflow(graph, scope, name or label_of(graph))
    return {"workflows": writer.workflows, "domain": {"main_workflow": main}}


class _Writer:
    def __init__(self) -> None:
        self.workflows: dict[str, Any] = {}
        self._around: list[Any] = []

    def workflow(self, graph: Any, scope: Scope, label: str) -> str:
        """Write one graph; returns the name that it has in the file."""
        if any(graph is each for each in self._around):
            raise GraphError(f"{label} contains itself, which no file can")
        key, number = label, 1
        while key in self.workflows:
            number += 1
            key = f"{label}_{number}"
        section = self.workflows[key] = {}
        if key != label:
            section["name"] = label
        self._around.append(graph)
        if class_name(type(graph)) != "Graph":
            section["class"] = class_name(type(graph))
        section |= _settings(graph, label)
        section["concepts"] = {
            scope.name(node).label: self._concept(node, scope)
            for node in members(graph)
        }
        section["graph"] = _wiring(graph, scope, label)
        self._around.pop()
        return key

    def _concept(self, node: Any, scope: Scope) -> Any:
        label = scope.name(node).label
        if hasattr(node, "get_next_node"):
            return {"workflow": self.workflow(node, scope.child(node), label)}
        if isinstance(node, FunctionNode):
            raise GraphError(
                f"{label}: a file names the classes of its nodes, and this one is made "
                f"of a function; write it as a class, or keep the graph in Python"
            )
        cls = class_name(type(node))
        parameters = _parameters(type(node))
        concept: dict[str, Any] = {"class": cls}
        if "graph" in parameters:
            inner = node.subgraph
            name = label_of(inner)
            concept["workflow"] = self.workflow(inner, scope.child(node), name)
        if "graphs" in parameters:
            beside = scope.child(node)
            concept["workflows"] = [
                self.workflow(each, beside.child(each), beside.name(each).label)
                for each in node.graphs
            ]
        concept |= _settings(node, label)
        return cls if concept == {"class": cls} else concept


def _settings(node: Any, label: str) -> dict[str, Any]:
    """Its arguments, params and config, as far as there are any."""
    found = {
        "arguments": dict(_arguments(node, label)),
        "params": dict(node.params),
        "config": node.config.to_dict() if getattr(node, "config", None) else {},
    }
    for name, values in found.items():
        for key, value in values.items():
            values[key] = _plain(value, f"{label}: {name} {key}={value!r:.80}")
    return {name: values for name, values in found.items() if values}


def _arguments(node: Any, label: str) -> Iterator[tuple[str, Any]]:
    """What to call its class with: attributes of the parameters' names."""
    for name, parameter in _parameters(type(node)).items():
        if name in _STRUCTURE:
            continue
        if not hasattr(node, name):
            if parameter.default is parameter.empty:
                raise GraphError(
                    f"{label}: {type(node).__name__} takes {name}, and the node has "
                    f"no attribute of that name to write; keep it as self.{name}"
                )
            continue
        value = getattr(node, name)
        usual = (parameter.default, getattr(type(node), name, parameter.empty))
        if not any(is_same(value, each) for each in usual):
            yield name, value
    usual_policy = policy_of(type(node), {})
    for name in Policy.__struct_fields__:
        value = getattr(node._policy, name)  # noqa: SLF001 - the package's own
        if not is_same(value, getattr(usual_policy, name)):
            yield name, value
    for name, attribute in _OF_GRAPHS.items():
        if value := getattr(node, attribute, None):
            yield name, value


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """What its constructor takes, with what it passes on to the next class."""
    found: dict[str, inspect.Parameter] = {}
    for each in cls.__mro__:
        if "__init__" not in vars(each) or each is object:
            continue
        _, *parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
        passes_on = False
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                passes_on = True
            else:
                found.setdefault(parameter.name, parameter)
        if not passes_on:
            break
    return found


def _plain(value: Any, what: str) -> Any:
    """What YAML's safe types can say."""
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        return {_plain(key, what): _plain(each, what) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, what) for each in value]
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    kind = type(value).__name__
    raise GraphError(f"{what} cannot be written: YAML has no {kind}")


def _wiring(graph: Any, scope: Scope, label: str) -> str:
    wires = []
    for node in members(graph):
        name = scope.name(node).label
        for action, target in node.successors.items():
            if is_node(target) or target is None:
                to = None if target is None else scope.name(target).label
                wires.append(arrows.Arrow(name, action, to))
    start = scope.name(graph.start_node).label if graph.start_node else None
    try:
        return arrows.write(arrows.Wiring(start, wires))
    except ValueError as error:
        raise GraphError(f"{label}: {error}") from error
