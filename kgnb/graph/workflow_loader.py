"""Workflow files: load them, check them, write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgnb.graph.declarative import (
    WorkflowSerializer,
    graph_to_yaml,
    problems_of,
    yaml_to_graph,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = [
    "WorkflowSerializer",
    "export_workflow",
    "load_workflow",
    "validate_workflow",
]


def load_workflow(
    path: str | os.PathLike[str],
    *,
    workflow: str | None = None,
    classes: Mapping[str, Any] | None = None,
) -> Any:
    """The graph of a workflow file; its picture is ``load_workflow(path).to_svg()``.

    Args:
        path: The file.
        workflow: Which of its workflows; None takes the main one.
        classes: See ``yaml_to_graph``.

    Raises:
        FileNotFoundError: There is no such file.
        GraphError: It cannot be built; names the file and all that is wrong.
    """
    return yaml_to_graph(Path(path), workflow=workflow, classes=classes)


def validate_workflow(
    path: str | os.PathLike[str], *, classes: Mapping[str, Any] | None = None
) -> list[str]:
    """What keeps a file from being loaded, a sentence each; empty if nothing does."""
    if not Path(path).is_file():
        return [f"{path}: there is no such file"]
    return problems_of(Path(path), classes)


def export_workflow(
    graph: Any, path: str | os.PathLike[str] | None = None, name: str | None = None
) -> str:
    """Write a graph as a workflow file.

    Args:
        graph: The graph.
        path: Where to; None writes no file.
        name: What to call the workflow; None takes the graph's name.

    Returns:
        The YAML.

    Raises:
        GraphError: Something cannot be written; names the node and what it is.
    """
    text = graph_to_yaml(graph, name)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
