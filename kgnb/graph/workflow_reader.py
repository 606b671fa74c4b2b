"""A graph made of a workflow file's data.

workflows:
  article:
    class: AsyncGraph            # Graph, if left out
    concepts:                    # the nodes
      draft: Draft               # a class, built as Draft(node_id="draft")
      review:
        class: app.nodes:Review
        arguments: {max_retries: 3}
        params: {tone: dry}
        config: {model: small}
      polish: {workflow: polish}                           # a nested graph
      check: {class: SubGraphNode, workflow: facts}
      both: {class: ParallelSubGraphNode, workflows: [left, right]}
    graph: |                     # see ``arrows``; ``start:`` names another start
      draft >> review
      review - "revise" >> draft
domain: {main_workflow: article}
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from kgnb.errors import GraphError
from kgnb.graph import arrows
from kgnb.graph.config import Config
from kgnb.graph.graphs import Graph
from kgnb.graph.near import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kgnb.graph.classes import ClassFinder

_CONCEPT = ("class", "workflow", "workflows", "arguments", "params", "config")
_SETTINGS = ("arguments", "params", "config")


class Document:
    """The data of one file, looked through before anything is built.

    Args:
        data: What YAML made of the file.
        finder: Finds its classes.

    Attributes:
        problems: What is wrong with it; ``graph`` may be called if nothing is.
    """

    def __init__(self, data: Any, finder: ClassFinder) -> None:
        self._finder = finder
        self._classes: dict[tuple[str, str | None], Any] = {}
        """By workflow and node; without a node, the workflow's own."""
        self._wirings: dict[str, arrows.Wiring] = {}
        self._workflows: dict[str, Any] = {}
        self._domain: Mapping[str, Any] = {}
        self.problems = list(self._look(data))

    def main(self, chosen: str | None = None) -> str:
        """The workflow to build.

        Raises:
            GraphError: It is not there, or none is named of several.
        """
        name = chosen or self._domain.get("main_workflow")
        if name is None and len(self._workflows) == 1:
            return next(iter(self._workflows))
        if isinstance(name, str) and name in self._workflows:
            return name
        known = ", ".join(self._workflows) or "none"
        if name is None:
            raise GraphError(f"domain: main_workflow must be one of {known}")
        near = did_you_mean(name, self._workflows)
        raise GraphError(f"no workflow {name!r}; there are {known}{near}")

    def graph(self, workflow: str) -> Any:
        """Build one workflow, and those that it holds.

        Raises:
            GraphError: A class refuses its arguments; names the node.
        """
        section = self._workflows[workflow]
        cls = self._classes.get((workflow, None), Graph)
        graph = _made(f"workflow {workflow!r}", section, cls)
        graph.name = section.get("name", workflow)
        nodes = {
            name: self._node(workflow, name, concept)
            for name, concept in section["concepts"].items()
        }
        wiring = self._wirings[workflow]
        for source, action, target in wiring.arrows:
            nodes[source].next(None if target is None else nodes[target], action)
        if wiring.start is not None:
            graph.start(nodes[wiring.start])
        return graph

    def _node(self, workflow: str, name: str, concept: Any) -> Any:
        entry = _entry(concept)
        cls = self._classes.get((workflow, name))
        if cls is None:
            node = self.graph(entry["workflow"])
        else:
            graphs = [self.graph(each) for each in _workflows_in(entry)]
            given = [graphs] if "workflows" in entry else graphs
            if _takes_id(cls):
                arguments = {"node_id": name, **entry.get("arguments", {})}
                entry = {**entry, "arguments": arguments}
            node = _made(f"workflow {workflow!r}: node {name!r}", entry, cls, *given)
        node.node_id = name
        return node

    # Looking through.

    def _look(self, data: Any) -> Iterator[str]:
        workflows = data.get("workflows") if isinstance(data, dict) else None
        if not isinstance(workflows, dict):
            yield "expected a mapping with 'workflows: {name: {concepts, graph}}'"
            return
        self._workflows = workflows
        self._domain = _mapping(data.get("domain"))
        for name, section in workflows.items():
            for problem in self._look_at_workflow(name, section):
                yield f"workflow {name!r}: {problem}"
        yield from _cycles(workflows)

    def _look_at_workflow(self, name: Any, section: Any) -> Iterator[str]:
        concepts = _mapping(section).get("concepts")
        if not isinstance(name, str):
            yield "its name is no text; put it in quotes"
        elif not isinstance(concepts, dict):
            yield "expected 'concepts: {node: Class}' and 'graph: a >> b'"
        else:
            yield from _look_at_settings(section)
            if "class" in section:
                yield from self._look_for_class((name, None), section)
            for node, concept in concepts.items():
                for problem in self._look_at_node(name, node, concept):
                    yield f"node {node!r}: {problem}"
            yield from self._look_at_wiring(name, section, concepts)

    def _look_at_node(self, workflow: str, name: Any, concept: Any) -> Iterator[str]:
        entry = _entry(concept)
        if not isinstance(name, str):
            yield "its name is no text; put it in quotes"
            return
        if not {"class", "workflow"} & set(entry):
            yield f"expected a class, or a mapping with one, got {concept!r:.80}"
            return
        for key in entry:
            if key not in _CONCEPT:
                yield f"unknown key {key!r}{did_you_mean(key, _CONCEPT)}"
        yield from _look_at_settings(entry)
        for each in _workflows_in(entry):
            if not isinstance(each, str) or each not in self._workflows:
                near = did_you_mean(each, self._workflows)
                yield f"there is no workflow {each!r}{near}"
        if "class" in entry:
            yield from self._look_for_class((workflow, name), entry)

    def _look_for_class(
        self, key: tuple[str, str | None], entry: Mapping[str, Any]
    ) -> Iterator[str]:
        try:
            cls = self._classes[key] = self._finder.find(str(entry["class"]))
        except LookupError as error:
            yield str(error.args[0])
            return
        given = {str(name): None for name in _mapping(entry.get("arguments"))}
        if key[1] is not None and _takes_id(cls):
            given.setdefault("node_id", None)
        signature = inspect.signature(cls)
        try:
            signature.bind(*[None for _ in _workflows_in(entry)][:1], **given)
        except TypeError as error:
            unknown = [name for name in given if name not in signature.parameters]
            near = did_you_mean(unknown[0], signature.parameters) if unknown else ""
            yield f"{cls.__name__}: {error}{near}"

    def _look_at_wiring(
        self, name: str, section: Mapping[str, Any], concepts: Mapping[Any, Any]
    ) -> Iterator[str]:
        lines = section.get("graph", "")
        if not isinstance(lines, str | list) or not all(
            isinstance(line, str) for line in lines
        ):
            yield f"graph: expected lines such as 'a >> b', got {lines!r:.80}"
            return
        try:
            wiring = arrows.parse(lines)
        except ValueError as error:
            yield f"graph: {error}"
            return
        start = section.get("start", wiring.start)
        if not isinstance(start, str | None):
            yield f"start: expected the name of a node, got {start!r:.80}"
            return
        wiring = wiring._replace(start=start)
        self._wirings[name] = wiring
        named = [wiring.start]
        for source, _, target in wiring.arrows:
            named += [source, target]
        for each in dict.fromkeys(named):
            if each is not None and each not in concepts:
                near = did_you_mean(each, concepts)
                yield f"node {each!r} is wired, but is not among its concepts{near}"


def _mapping(thing: Any) -> Mapping[str, Any]:
    return thing if isinstance(thing, dict) else {}


def _entry(concept: Any) -> Mapping[str, Any]:
    """A node's entry; a class alone is short for one."""
    return {"class": concept} if isinstance(concept, str) else _mapping(concept)


def _look_at_settings(entry: Mapping[str, Any]) -> Iterator[str]:
    for key in _SETTINGS:
        if not isinstance(entry.get(key, {}), dict):
            yield f"{key}: expected a mapping, got {entry[key]!r:.80}"


def _workflows_in(entry: Mapping[str, Any]) -> list[Any]:
    """The workflows that a node holds, by name."""
    if "workflow" in entry:
        return [entry["workflow"]]
    several = entry.get("workflows", [])
    return several if isinstance(several, list) else [several]


def _cycles(workflows: Mapping[str, Any]) -> Iterator[str]:
    """Workflows that hold themselves: there is no end to building them."""
    holds = {
        name: [
            str(each)
            for concept in _mapping(_mapping(section).get("concepts")).values()
            for each in _workflows_in(_entry(concept))
        ]
        for name, section in workflows.items()
    }
    for name, inner in holds.items():
        reached: set[str] = set()
        waiting = list(inner)
        while waiting:
            each = waiting.pop()
            if each not in reached:
                reached.add(each)
                waiting += holds.get(each, ())
        if name in reached:
            yield f"workflow {name!r} contains itself"


def _takes_id(cls: Any) -> bool:
    parameters = inspect.signature(cls).parameters
    kinds = {parameter.kind for parameter in parameters.values()}
    return "node_id" in parameters or inspect.Parameter.VAR_KEYWORD in kinds


def _made(where: str, entry: Mapping[str, Any], cls: Any, *graphs: Any) -> Any:
    try:
        made = cls(*graphs, **entry.get("arguments", {}))
        made.set_params(entry.get("params", {}))
        if entry.get("config"):
            made.config = Config(**entry["config"])
    except (TypeError, ValueError) as error:
        raise GraphError(f"{where}: {cls.__name__}: {error}") from error
    return made
