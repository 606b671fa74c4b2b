"""The graph language: what a cell writes, and the rules by which it runs.

Process: kernel. Loop: whichever runs the graph; plain ``graph.run(shared)`` has none.
"""

from kgnb.graph.async_nodes import AsyncBatchNode, AsyncNode, AsyncParallelBatchNode
from kgnb.graph.base import BaseNode
from kgnb.graph.batch_graphs import (
    AsyncBatchGraph,
    AsyncParallelBatchGraph,
    BatchGraph,
)
from kgnb.graph.composition import (
    ConditionalSubGraphNode,
    ParallelSubGraphNode,
    SubGraphNode,
    compose_graphs,
)
from kgnb.graph.config import Config
from kgnb.graph.declarative import graph_to_yaml, yaml_to_graph
from kgnb.graph.functions import node
from kgnb.graph.graphs import AsyncGraph, Graph
from kgnb.graph.interactive import (
    AsyncInteractiveGraph,
    InteractiveGraph,
    InteractiveNode,
    UserInputNode,
)
from kgnb.graph.metrics import MetricsNode
from kgnb.graph.nodes import BatchNode, Node, ParallelBatchNode
from kgnb.graph.people import Approval, Form, Vote
from kgnb.graph.persistence import PersistentGraph
from kgnb.graph.shared_nodes import (
    BroadcastWebSocketNode,
    CollaborativeWebSocketNode,
)
from kgnb.graph.types import T_Action, T_ExecRes, T_Params, T_PrepRes, T_Shared
from kgnb.graph.validated import ValidatedNode
from kgnb.graph.websocket import WebSocketNode
from kgnb.graph.websocket_nodes import (
    ChatWebSocketNode,
    InteractiveWebSocketNode,
    ProgressWebSocketNode,
)
from kgnb.graph.workflow_loader import (
    export_workflow,
    load_workflow,
    validate_workflow,
)

__all__ = [
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
    "ChatWebSocketNode",
    "CollaborativeWebSocketNode",
    "ConditionalSubGraphNode",
    "Config",
    "Form",
    "Graph",
    "InteractiveGraph",
    "InteractiveNode",
    "InteractiveWebSocketNode",
    "MetricsNode",
    "Node",
    "ParallelBatchNode",
    "ParallelSubGraphNode",
    "PersistentGraph",
    "ProgressWebSocketNode",
    "SubGraphNode",
    "T_Action",
    "T_ExecRes",
    "T_Params",
    "T_PrepRes",
    "T_Shared",
    "UserInputNode",
    "ValidatedNode",
    "Vote",
    "WebSocketNode",
    "compose_graphs",
    "export_workflow",
    "graph_to_yaml",
    "load_workflow",
    "node",
    "validate_workflow",
    "yaml_to_graph",
]
