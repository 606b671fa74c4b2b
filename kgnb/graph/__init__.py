"""The graph language: what a cell writes, and the rules by which it runs.

Process: kernel. Loop: whichever runs the graph; plain ``graph.run(shared)`` has none.
"""

from kgnb.graph.async_nodes import AsyncBatchNode, AsyncNode, AsyncParallelBatchNode
from kgnb.graph.base import BaseNode
from kgnb.graph.config import Config
from kgnb.graph.graphs import AsyncGraph, Graph
from kgnb.graph.nodes import BatchNode, Node, ParallelBatchNode

__all__ = [
    "AsyncBatchNode",
    "AsyncGraph",
    "AsyncNode",
    "AsyncParallelBatchNode",
    "BaseNode",
    "BatchNode",
    "Config",
    "Graph",
    "Node",
    "ParallelBatchNode",
]
