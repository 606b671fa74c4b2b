"""The engine of KayGraph's, PocketFlow's and similar objects, known by their shape.

None of these libraries is imported. A run works on shallow copies of the user's graph
and nodes, as the libraries themselves do at each visit, and puts what reports the
phases onto the copies; the rules (retries, fallbacks, batches, what an error does)
stay those of the object's own code.

Process: kernel. Loop: the run's for async nodes; sync ones in a thread.
"""

from kgnb.engines.kaygraph.engine import (
    KayGraphEngine,
    graph_around,
    graph_of_method,
    is_kaygraph_like,
    needs_frame,
    parts_missing,
)

__all__ = [
    "KayGraphEngine",
    "graph_around",
    "graph_of_method",
    "is_kaygraph_like",
    "needs_frame",
    "parts_missing",
]
