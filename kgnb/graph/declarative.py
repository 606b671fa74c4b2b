"""Graphs as YAML and back; the format is described in ``workflow_reader``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.errors import GraphError
from kgnb.graph.classes import ClassFinder
from kgnb.graph.workflow_reader import Document
from kgnb.graph.workflow_writer import graph_to_document

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = "the YAML text"


def graph_to_yaml(graph: Any, name: str | None = None) -> str:
    """A graph as YAML, of which ``yaml_to_graph`` makes an equal one.

    Classes are named ``module:Class``, those of a notebook by their name alone.
    Arguments of nodes are written where they differ from their defaults.

    Args:
        graph: The graph, nested ones included.
        name: What to call the workflow; None takes the graph's name.

    Raises:
        GraphError: Something cannot be written; names the node and what it is.
    """
    import yaml  # noqa: PLC0415  # slow, and only files need it

    class Dumper(yaml.SafeDumper):
        """Writes the wiring as lines."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if value.endswith("\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    data = graph_to_document(graph, name)
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True)


def yaml_to_graph(
    source: str | os.PathLike[str],
    *,
    workflow: str | None = None,
    classes: Mapping[str, Any] | None = None,
) -> Any:
    """The graph of a YAML text, or of a file.

    Args:
        source: The text; a path, or a str that ends in .yaml or .yml, is a file.
        workflow: Which one; None takes the main one.
        classes: Node classes by the names that the text gives them; others are found
            as ``ClassFinder`` says.

    Raises:
        GraphError: The text says something that cannot be built; all of it is listed.
        FileNotFoundError: There is no such file.
    """
    text, called = _read(source)
    try:
        return _built(_parsed(text), workflow, classes)
    except GraphError as error:
        raise GraphError(f"{called}: {error}") from error.__cause__


def problems_of(
    source: str | os.PathLike[str], classes: Mapping[str, Any] | None = None
) -> list[str]:
    """What is wrong with a file or text; what reads well is built, to be sure."""
    text, called = _read(source)
    try:
        document = Document(_parsed(text), ClassFinder(classes))
        if not document.problems:
            document.graph(document.main())
    except GraphError as error:
        return [f"{called}: {error}"]
    return [f"{called}: {problem}" for problem in document.problems]


class WorkflowSerializer:
    """Graphs as plain data, for formats of one's own."""

    @staticmethod
    def graph_to_workflow_dict(graph: Any, name: str | None = None) -> dict[str, Any]:
        """What ``graph_to_yaml`` writes, before it is text."""
        return graph_to_document(graph, name)

    @staticmethod
    def workflow_dict_to_graph(
        data: dict[str, Any], *, classes: Mapping[str, Any] | None = None
    ) -> Any:
        """The graph of such data.

        Raises:
            GraphError: It cannot be built.
        """
        return _built(data, None, classes)


def _built(data: Any, workflow: str | None, classes: Mapping[str, Any] | None) -> Any:
    document = Document(data, ClassFinder(classes))
    if document.problems:
        raise GraphError("; ".join(document.problems))
    return document.graph(document.main(workflow))


def _read(source: str | os.PathLike[str]) -> tuple[str, str]:
    """The text, and what to call it in an error."""
    if isinstance(source, os.PathLike) or source.endswith((".yaml", ".yml")):
        return Path(source).read_text(encoding="utf-8"), os.fspath(source)
    return source, TEXT


def _parsed(text: str) -> Any:
    import yaml  # noqa: PLC0415  # slow, and only files need it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise GraphError(f"this is no YAML: {error}") from error
