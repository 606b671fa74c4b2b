"""Nodes around graphs: one graph, one under a condition, several at the same time.

A sub-graph works on data of its own and hands its results back, where a graph that is
wired as a node works on the outer graph's ``shared`` itself.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from kgnb.errors import NotCopyable
from kgnb.graph.base import BaseNode, is_ours
from kgnb.graph.batches import all_or_first_error, most_at_once
from kgnb.graph.graphs import Graph, run_on_loop, visit_on_loop, watched
from kgnb.graph.spec import label_of
from kgnb.graph.steps import step_of
from kgnb.graph.workers import call_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping, Sequence

    from kgnb.graph.spec import NodeKind
    from kgnb.graph.steps import Level, Watch

MOST_GRAPHS = 64
"""Graphs that run at a time where ``max_workers`` is not given."""


class _AroundGraphs(BaseNode):
    """What the nodes of this module have in common; a phase is sync code.

    On a loop the node's own phases run in a thread, and only the graphs, whose nodes
    may be async, are run on the loop itself.
    """

    _kind: ClassVar[NodeKind] = "graph"

    async def _run_async(self, shared: Any) -> Any:
        """Visit it where its graphs hold async nodes."""
        return await visit_on_loop(self, shared)

    async def _work_async(self, shared: Any, prep_res: Any) -> Any:  # noqa: ARG002
        with watched(self) as watch:
            return await self._exec_async(prep_res, watch)

    async def _exec_async(self, prep_res: Any, watch: Watch) -> Any:
        """``exec``, for graphs that need the loop."""
        raise NotImplementedError

    @property
    def _runs_itself(self) -> bool:
        """Whether a user replaced exec, which is sync code and must be called."""
        return not is_ours(type(self).exec)


class SubGraphNode(_AroundGraphs):
    """Runs a graph on a dict of its own, then merges that dict into ``shared``.

    Its action is None: whatever action the graph ended by, "default" follows.

    Args:
        graph: The sub-graph; async nodes in it need a loop around the outer graph.
        node_id: A name of one's own; else the graph's name is taken.
        input_keys: What the sub-graph gets, not copied; a missing key is left out.
            None or [] hands in a deep copy of everything.
        output_keys: What is merged into ``shared``; None or [] merges everything.
        returns_action: Let the graph's last action be the node's.
    """

    def __init__(
        self,
        graph: Any,
        node_id: str | None = None,
        input_keys: Sequence[Any] | None = None,
        output_keys: Sequence[Any] | None = None,
        *,
        returns_action: bool = False,
    ) -> None:
        super().__init__(node_id=node_id)
        self.subgraph = _checked(type(self), graph)
        self.input_keys = input_keys
        self.output_keys = output_keys
        self.returns_action = returns_action
        self._action: Any = None

    def prep(self, shared: Any) -> Any:
        """The sub-graph's data.

        Raises:
            NotCopyable: A value cannot be copied; the error names its key.
        """
        if self.input_keys:
            return _chosen(shared, self.input_keys)
        return _copy_of(self, shared)

    def exec(self, prep_res: Any) -> Any:
        """Run the sub-graph on its data and give what is to be merged."""
        with step_of(self).lend(self.subgraph):
            self._action = self.subgraph.run(prep_res)
        return self._output(prep_res)

    async def _exec_async(self, prep_res: Any, watch: Watch) -> Any:
        with step_of(self).lend(self.subgraph):
            self._action = await run_on_loop(self.subgraph, prep_res, watch)
        return self._output(prep_res)

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:  # noqa: ARG002
        """Merge the output."""
        _merge(exec_res, shared)
        return self._action if self.returns_action else None

    def _output(self, data: Any) -> Any:
        return _chosen(data, self.output_keys) if self.output_keys else data

    @property
    def name(self) -> str | None:
        """What to call the node where it has no id: the graph's name, if any."""
        called = label_of(self.subgraph)
        return None if called == type(self.subgraph).__name__ else called

    @property
    def _inner_graphs(self) -> tuple[Any, ...]:
        return (self.subgraph,)

    @property
    def _entry_nodes(self) -> tuple[Any, ...]:
        # The node is the sub-graph's frame in the picture: one box, not two.
        return (self.subgraph.start_node,)


class ConditionalSubGraphNode(SubGraphNode):
    """A SubGraphNode that runs if ``shared.get(condition_key) == condition_value``.

    Args:
        graph: See ``SubGraphNode``, as for the others that are not named here.
        condition_key: The key to look at.
        condition_value: What must be there.
        node_id: See ``SubGraphNode``.
        input_keys: See ``SubGraphNode``.
        output_keys: See ``SubGraphNode``.
        returns_action: See ``SubGraphNode``; None where the graph did not run.
    """

    def __init__(  # noqa: PLR0917 - KayGraph's order
        self,
        graph: Any,
        condition_key: Any,
        condition_value: Any = True,
        node_id: str | None = None,
        input_keys: Sequence[Any] | None = None,
        output_keys: Sequence[Any] | None = None,
        *,
        returns_action: bool = False,
    ) -> None:
        super().__init__(
            graph, node_id, input_keys, output_keys, returns_action=returns_action
        )
        self.condition_key = condition_key
        self.condition_value = condition_value

    def prep(self, shared: Any) -> Any:
        """The sub-graph's data, or None where the condition does not hold."""
        if shared.get(self.condition_key) == self.condition_value:
            return super().prep(shared)
        return None

    def exec(self, prep_res: Any) -> Any:
        """Run the sub-graph, if it is to run."""
        return None if prep_res is None else super().exec(prep_res)

    async def _exec_async(self, prep_res: Any, watch: Watch) -> Any:
        return None if prep_res is None else await super()._exec_async(prep_res, watch)

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:
        """Merge the output, if there is any."""
        return None if exec_res is None else super().post(shared, prep_res, exec_res)


class ParallelSubGraphNode(_AroundGraphs):
    """Runs several graphs at the same time, each on its own deep copy of ``shared``.

    All run to their end, then the results are merged in the order of the graphs: of
    those that gave a key a new value the last one wins. (A graph that left a key as
    it was does not undo what another one wrote.) If graphs fail, the error of the
    first of them, in that order, is raised and nothing is merged; on a loop it
    cancels the others. The action is None.

    Args:
        graphs: The sub-graphs.
        node_id: A name of one's own.
        merge_results: False puts each graph's data, unmerged, into
            ``shared["parallel_results"]`` as ``"graph_0"``, ``"graph_1"`` ...
        input_keys: What is copied for each graph; None or [] copies everything.
        max_workers: The most graphs at a time; None gives each a thread, up to 64.
    """

    def __init__(
        self,
        graphs: Iterable[Any],
        node_id: str | None = None,
        merge_results: bool = True,
        *,
        input_keys: Sequence[Any] | None = None,
        max_workers: int | None = None,
    ) -> None:
        super().__init__(node_id=node_id)
        self.graphs = [_checked(type(self), graph) for graph in graphs]
        self.merge_results = merge_results
        self.input_keys = input_keys
        self.max_workers = max_workers

    def prep(self, shared: Any) -> Any:
        """One copy of the data for each graph.

        Raises:
            NotCopyable: A value cannot be copied; the error names its key.
        """
        keys = self.input_keys
        given = _chosen(shared, keys) if keys else shared
        return [_copy_of(self, given) for _ in self.graphs]

    def exec(self, prep_res: Any) -> Any:
        """Run the graphs in threads; gives each one's data, in their order."""
        step = step_of(self)
        pairs = zip(self.graphs, prep_res, strict=True)
        calls = [
            partial(_run_beside, graph, data, step.beside(index))
            for index, (graph, data) in enumerate(pairs)
        ]
        return call_in_threads(calls, self._most())

    async def _exec_async(self, prep_res: Any, watch: Watch) -> Any:
        step = step_of(self)
        places = asyncio.Semaphore(self._most())

        async def run(numbered: tuple[int, tuple[Any, Any]]) -> Any:
            index, pair = numbered
            async with places:
                return await _run_beside_async(*pair, step.beside(index), watch)

        pairs = zip(self.graphs, prep_res, strict=True)
        return await all_or_first_error(run, list(enumerate(pairs)))

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> Any:  # noqa: ARG002
        """Merge the graphs' data, or put it side by side."""
        if self.merge_results:
            before = dict(shared)
            for data in exec_res:
                _merge(_news(before, data), shared)
        else:
            shared["parallel_results"] = {
                f"graph_{index}": data for index, data in enumerate(exec_res)
            }

    def _most(self) -> int:
        return most_at_once("max_workers", self.max_workers, MOST_GRAPHS)

    @property
    def _inner_graphs(self) -> tuple[Any, ...]:
        return tuple(self.graphs)

    @property
    def _entry_nodes(self) -> tuple[Any, ...]:
        return tuple(self.graphs)


def compose_graphs(*graphs: Any) -> SubGraphNode | Graph:
    """Put graphs one after the other, each as a ``SubGraphNode``.

    Args:
        graphs: The graphs, or one list of them.

    Returns:
        For one graph the node itself, for more a graph of the nodes.

    Raises:
        ValueError: There are none.
    """
    if len(graphs) == 1 and isinstance(graphs[0], list | tuple):
        (graphs,) = graphs
    nodes = [SubGraphNode(graph) for graph in graphs]
    if not nodes:
        msg = "compose_graphs: expected at least one graph, got none"
        raise ValueError(msg)
    for node, following in itertools.pairwise(nodes):
        node >> following
    return nodes[0] if len(nodes) == 1 else Graph(nodes[0])


def _run_beside(graph: Any, data: Any, level: Level) -> Any:
    step = level.step(graph, graph, None)
    step.checkpoint()
    with step:
        step.leave(graph.run(data), ended=True)
    return data


async def _run_beside_async(graph: Any, data: Any, level: Level, watch: Watch) -> Any:
    step = level.step(graph, graph, None)
    await step.checkpoint_async()
    with step:
        step.leave(await run_on_loop(graph, data, watch), ended=True)
    return data


def _checked(owner: type, graph: Any) -> Any:
    if hasattr(graph, "get_next_node") and not isinstance(graph, type):
        return graph
    msg = f"{owner.__name__}: expected a graph, got {graph!r:.80}"
    if isinstance(graph, BaseNode):
        msg += f"; write Graph({label_of(graph).lower()})"
    raise TypeError(msg)


def _chosen(data: Mapping[Any, Any], keys: Iterable[Any]) -> dict[Any, Any]:
    return {key: data[key] for key in keys if key in data}


def _merge(data: Mapping[Any, Any], shared: MutableMapping[Any, Any]) -> None:
    for key, value in data.items():
        shared[key] = value


def _news(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """The entries of ``after`` that are not in ``before``, or not equal there."""
    return {
        key: value
        for key, value in after.items()
        if key not in before or not is_same(before[key], value)
    }


def is_same(before: Any, after: Any) -> bool:
    """Whether two values are of one type and equal, as far as they say."""
    try:
        return type(before) is type(after) and bool(before == after)
    except (TypeError, ValueError):
        return False  # arrays and data frames do not say yes or no


def _copy_of(node: BaseNode, shared: Mapping[Any, Any]) -> Any:
    try:
        return copy.deepcopy(shared)
    except Exception as error:
        for key, value in shared.items():
            _check_copyable(node, shared, key, value)
        raise error from None  # no value is to blame: the mapping itself


def _check_copyable(
    node: BaseNode, shared: Mapping[Any, Any], key: Any, value: Any
) -> None:
    try:
        copy.deepcopy(value)
    except Exception as error:
        others = [other for other in shared if other != key]
        raise NotCopyable(
            f"{label_of(node)}: a sub-graph works on a deep copy of shared, and "
            f"shared[{key!r}] ({type(value).__qualname__}) cannot be copied: {error}. "
            f"Name what the sub-graph needs, for example input_keys={others!r:.200}",
            node=label_of(node),
            key=key,
        ) from error
