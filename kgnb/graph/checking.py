"""What can be said against a graph before it runs.

A graph does not know what its nodes will return; where their code says so (a
``Literal`` as the return type of post, plain ``return "approve"`` statements, the
options of an ``Approval`` or ``Vote``) it is held against what is wired.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
import typing
import warnings
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kgnb.errors import GraphWarning, InvalidGraph
from kgnb.graph.base import DEFAULT_ACTION, is_ours, levels_to_caller
from kgnb.graph.functions import FunctionNode
from kgnb.graph.near import nearest
from kgnb.graph.people import AskingNode
from kgnb.graph.spec import (
    Scope,
    describe,
    inner_graphs,
    is_graph,
    is_node,
    label_of,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Finding(msgspec.Struct, frozen=True):
    """One thing said against a graph."""

    text: str
    is_likely: bool
    """Whether it is hardly meant so. An action that is not wired may be: many
    programs end by one."""
    is_strict: bool
    """Whether the graph that it is in, or one around it, is strict."""


class Actions(msgspec.Struct, frozen=True):
    """The actions that some code returns, as far as can be seen."""

    names: frozenset[str] = frozenset()
    is_complete: bool = False
    """Whether it returns no others."""


def check_graph(graph: Any, *, warns: bool) -> None:
    """Refuse a strict graph that something can be said against.

    Args:
        graph: The graph.
        warns: Whether to warn of what is said against other graphs, where it is
            hardly meant so.

    Raises:
        InvalidGraph: Lists all that was found.
    """
    found = findings(graph)
    problems = [finding.text for finding in found if finding.is_strict]
    if problems:
        raise InvalidGraph(
            f"{label_of(graph)} is strict and cannot run: " + "; ".join(problems),
            problems=problems,
        )
    for finding in found if warns else ():
        if finding.is_likely:
            warnings.warn(finding.text, GraphWarning, stacklevel=levels_to_caller())


def findings(graph: Any) -> list[Finding]:
    """All that can be said against a graph and those in it."""
    scope = Scope()
    describe(graph, scope)
    return list(_in_graph(graph, scope, strict=False, enclosing=()))


def _in_graph(
    graph: Any, scope: Scope, *, strict: bool, enclosing: tuple[int, ...]
) -> Iterator[Finding]:
    strict = strict or getattr(graph, "_is_strict", False)
    if not inner_graphs(graph) and not is_node(getattr(graph, "start_node", None)):
        text = f"graph {label_of(graph)!r} has no start node"
        yield Finding(text, is_likely=False, is_strict=strict)
    here = list(inner_graphs(graph) or members(graph))
    for text in _repeated_ids(here):
        # The panel tells them apart, and programs that live with it are many.
        yield Finding(text, is_likely=False, is_strict=strict)
    for node in here:
        for text, is_likely in _in_node(node, scope.name(node).id):
            yield Finding(text, is_likely=is_likely, is_strict=strict)
        if is_graph(node) and id(node) not in enclosing:
            around = (*enclosing, id(graph))
            yield from _in_graph(
                node, scope.child(node), strict=strict, enclosing=around
            )


def _repeated_ids(nodes: list[Any]) -> Iterator[str]:
    """Ids that were given to two nodes of one graph."""
    holders: dict[str, Any] = {}
    for node in nodes:
        node_id = getattr(node, "node_id", None)
        if node_id is None or label_of(node) != node_id or _is_class_default(node):
            continue
        other = holders.setdefault(node_id, node)
        if other is not node:
            yield (
                f"two nodes have the id {node_id!r} "
                f"({type(other).__name__} and {type(node).__name__})"
            )


def _is_class_default(node: Any) -> bool:
    """Whether the id came from the class, such as "user_input", not from its user."""
    parameters = inspect.signature(type(node).__init__).parameters
    return "node_id" in parameters and parameters["node_id"].default == node.node_id


def _in_node(node: Any, name: str) -> Iterator[tuple[str, bool]]:
    for action, target in node.successors.items():
        if target is not None and not is_node(target):
            kind = type(target).__name__
            yield f"{action!r} leads from {name!r} to a {kind}, which is no node", True
    for text in _uncalled(node, name):
        yield text, True
    if not node.successors:
        return
    wired = [str(action) for action in node.successors]
    actions = actions_of(node)
    # "default" is what an error leads to that on_error took.
    taken = {DEFAULT_ACTION} if _is_users(getattr(type(node), "on_error", None)) else ()
    leads_on = not (actions.is_complete and {*actions.names, *taken}.isdisjoint(wired))
    meant = set()
    for action in sorted(actions.names.difference(wired)):
        near = nearest(action, sorted(set(wired) - actions.names))
        meant.add(near)
        yield not_wired(action, name, near), near is not None or not leads_on
    if actions.is_complete:
        for action in wired:
            if action not in {*actions.names, *meant, DEFAULT_ACTION}:
                yield _never(action, name, node), True


def _uncalled(node: Any, name: str) -> Iterator[str]:
    """Phases written for the other kind of node, sync or async."""
    if is_graph(node):
        return
    for phase in ("prep", "exec", "exec_fallback", "post"):
        twin = f"{phase}_async"
        owner, own = _definition(node, phase)
        if not _is_users(own):
            continue
        if hasattr(owner, "exec_async"):
            if not _is_users(getattr(type(node), twin, None)):
                yield (
                    f"{name!r} is an async node, whose {phase} is never called; "
                    f"write {twin}"
                )
        elif hasattr(node, "exec_async"):
            continue  # a sync node's, mixed in: perhaps to be called by hand
        elif inspect.iscoroutinefunction(own) or inspect.isasyncgenfunction(own):
            yield (
                f"{name!r} is a sync node, whose async {phase} nobody awaits; make it "
                f"an AsyncNode with {twin}"
            )


def _definition(node: Any, method: str) -> tuple[type | None, Any]:
    """The class that a node has a method from, and the method."""
    for cls in type(node).__mro__:
        if method in vars(cls):
            return cls, vars(cls)[method]
    return None, None


def _is_users(function: Any) -> bool:
    return inspect.isfunction(function) and not is_ours(function)


def not_wired(action: str, name: str, near: str | None) -> str:
    """What is said of an action that leads nowhere."""
    text = f"{action!r} is not wired from {name!r}"
    return text if near is None else f"{text}; did you mean {near!r}?"


def _never(action: str, name: str, node: Any) -> str:
    text = f"{action!r} is wired from {name!r}, which never returns it"
    if not isinstance(node, FunctionNode) or node.routes:
        return text
    return f"{text}; @node(routes=True) makes what it returns the action"


def actions_of(node: Any) -> Actions:
    """The actions that a node returns, as far as its code says."""
    own = vars(node)
    if is_graph(node) or not own.keys().isdisjoint({"_run", "post", "post_async"}):
        return Actions()
    if isinstance(node, FunctionNode):
        if not node.routes:
            return Actions(frozenset({DEFAULT_ACTION}), is_complete=True)
        return _returned_by(node.function)
    name = "post_async" if hasattr(node, "exec_async") else "post"
    post = getattr(type(node), name, None)
    if isinstance(node, AskingNode) and not _is_users(post):
        names = node._actions  # noqa: SLF001 - the package's own
        return Actions() if names is None else Actions(names, is_complete=True)
    return _returned_by(post)


def _returned_by(function: Any) -> Actions:
    if not inspect.isfunction(function) or hasattr(function, "__wrapped__"):
        return Actions()
    declared = _declared(function)
    return _written(function.__code__) if declared is None else declared


def _declared(function: Callable[..., Any]) -> Actions | None:
    """What a ``Literal`` says, as the return type."""
    try:
        annotation = function.__annotations__.get("return")
        if "Literal" not in str(annotation):
            return None
        # Alone: the parameters' types may be there for type checkers only.
        alone = types.SimpleNamespace(__annotations__={"return": annotation})
        hint = typing.get_type_hints(alone, function.__globals__)["return"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return None
    names: set[str] = set()
    for part in typing.get_args(hint) if _is_union(hint) else (hint,):
        if part is type(None):
            names.add(DEFAULT_ACTION)
        elif typing.get_origin(part) is Literal:
            names.update(_label(value) for value in typing.get_args(part))
        else:
            return None
    return Actions(frozenset(names), is_complete=True)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _label(action: Any) -> str:
    return str(action) if action else DEFAULT_ACTION


@functools.lru_cache(maxsize=1024)
def _written(code: types.CodeType) -> Actions:
    """The constants that a function's source returns."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return Actions()  # no source, or not its own: a lambda's is the whole line
    if not tree.body or not isinstance(
        tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef
    ):
        return Actions()
    names: set[str] = set()
    is_complete = True
    for value in _returns(tree.body[0]):
        if value is None or (isinstance(value, ast.Constant) and not value.value):
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            names.add(value.value)
        else:
            is_complete = False
    return Actions(frozenset(names), is_complete=is_complete)


def _returns(function: ast.AST) -> Iterator[ast.expr | None]:
    """What its return statements return, both sides of a conditional."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.Return):
            yield from _sides(found.value)
        elif not isinstance(found, inner):
            waiting += ast.iter_child_nodes(found)


def _sides(value: ast.expr | None) -> Iterator[ast.expr | None]:
    if isinstance(value, ast.IfExp):
        yield from _sides(value.body)
        yield from _sides(value.orelse)
    else:
        yield value
