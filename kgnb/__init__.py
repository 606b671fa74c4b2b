"""Run a graph in a notebook cell, watch it live, and answer it with a click.

Process: kernel (what a cell needs) and server (the extension's entry points).

Names load on first use, so that ``import kgnb`` costs little and loads neither
tornado nor the widget. This module is a composition root: it hands the panel
to the runtime, which does not know it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from kgnb.version import __version__

if TYPE_CHECKING:
    from kgnb import llm as llm  # it is no name of __all__
    from kgnb.errors import KgnbError
    from kgnb.graph import (
        Approval,
        AsyncBatchGraph,
        AsyncBatchNode,
        AsyncGraph,
        AsyncInteractiveGraph,
        AsyncNode,
        AsyncParallelBatchGraph,
        AsyncParallelBatchNode,
        BaseNode,
        BatchGraph,
        BatchNode,
        BroadcastWebSocketNode,
        ChatWebSocketNode,
        CollaborativeWebSocketNode,
        ConditionalSubGraphNode,
        Config,
        Form,
        Graph,
        InteractiveGraph,
        InteractiveNode,
        InteractiveWebSocketNode,
        MetricsNode,
        Node,
        ParallelBatchNode,
        ParallelSubGraphNode,
        PersistentGraph,
        ProgressWebSocketNode,
        SubGraphNode,
        UserInputNode,
        ValidatedNode,
        Vote,
        WebSocketNode,
        compose_graphs,
        export_workflow,
        graph_to_yaml,
        load_workflow,
        node,
        validate_workflow,
        yaml_to_graph,
    )
    from kgnb.panel.widget import Panel
    from kgnb.runtime import (
        Answer,
        Cassette,
        File,
        Result,
        Run,
        allow_nested_run,
        ask,
        compare,
        emit,
        history,
        idempotency_key,
        log,
        progress,
        publish,
        recorded,
        replay,
        stream,
        track,
    )

    # Not by kgnb.runtime: mypy 2.4 may take its modules of these names for them,
    # depending on the order in which it comes by the modules of a cycle.
    from kgnb.runtime.manager import manager
    from kgnb.runtime.start import run

__all__ = [
    "Answer",
    "Approval",
    "AsyncBatchGraph",
    "AsyncBatchNode",
    "AsyncGraph",
    "AsyncInteractiveGraph",
    "AsyncNode",
    "AsyncParallelBatchGraph",
    "AsyncParallelBatchNode",
    "BaseNode",
    "BatchGraph",
    "BatchNode",
    "BroadcastWebSocketNode",
    "Cassette",
    "ChatWebSocketNode",
    "CollaborativeWebSocketNode",
    "ConditionalSubGraphNode",
    "Config",
    "File",
    "Form",
    "Graph",
    "InteractiveGraph",
    "InteractiveNode",
    "InteractiveWebSocketNode",
    "KgnbError",
    "MetricsNode",
    "Node",
    "Panel",
    "ParallelBatchNode",
    "ParallelSubGraphNode",
    "PersistentGraph",
    "ProgressWebSocketNode",
    "Result",
    "Run",
    "SubGraphNode",
    "UserInputNode",
    "ValidatedNode",
    "Vote",
    "WebSocketNode",
    "__version__",
    "allow_nested_run",
    "ask",
    "compare",
    "compose_graphs",
    "emit",
    "export_workflow",
    "graph_to_yaml",
    "history",
    "idempotency_key",
    "load_workflow",
    "log",
    "manager",
    "node",
    "progress",
    "publish",
    "recorded",
    "replay",
    "run",
    "stream",
    "track",
    "validate_workflow",
    "yaml_to_graph",
]

_HOMES = {
    "KgnbError": "kgnb.errors",
    "Panel": "kgnb.panel.widget",
    **dict.fromkeys(
        (
            "Answer",
            "Cassette",
            "File",
            "Result",
            "Run",
            "allow_nested_run",
            "ask",
            "compare",
            "emit",
            "history",
            "idempotency_key",
            "log",
            "manager",
            "progress",
            "publish",
            "recorded",
            "replay",
            "run",
            "stream",
            "track",
        ),
        "kgnb.runtime",
    ),
}
"""The modules of public names; all others are of ``kgnb.graph``."""


def __getattr__(name: str) -> Any:
    if name == "llm":  # a package: ``kgnb.llm.reply`` needs no import of its own
        return import_module("kgnb.llm")
    if name not in __all__:
        msg = f"module 'kgnb' has no attribute {name!r}"
        raise AttributeError(msg)
    home = _HOMES.get(name, "kgnb.graph")
    module = import_module(home)
    if home == "kgnb.runtime":
        _hand_the_panel_to_the_runtime()
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "llm"})


@cache  # once: another display would not know the outputs of runs that have begun
def _hand_the_panel_to_the_runtime() -> None:
    from kgnb.panel.display import RunDisplay  # noqa: PLC0415  # lazy by design
    from kgnb.runtime import hooks  # noqa: PLC0415  # lazy by design

    hooks.install(RunDisplay())


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter Server loads; see its "Server Extensions" guide."""
    from kgnb.server.app import KgnbApp  # noqa: PLC0415  # a kernel needs no server

    return [{"module": "kgnb", "app": KgnbApp}]


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext kgnb``: the magic ``%kgnb``, and ``asyncio.run(main())`` in cells."""
    from kgnb.magic import register  # noqa: PLC0415  # lazy by design
    from kgnb.runtime import allow_nested_run  # noqa: PLC0415  # lazy by design

    allow_nested_run()
    register(shell)
