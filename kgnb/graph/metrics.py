"""A node that counts its executions, their time and their retries."""

from __future__ import annotations

import threading
import time
from typing import Any

from kgnb.graph.nodes import Node

_counting = threading.Lock()
"""Of the module, not of a node: a node with a lock could not be pickled."""


class MetricsNode(Node):
    """A node that keeps figures of its visits in ``metrics``.

    The dict is shared by the copies that a graph makes for its visits, so the
    figures add up on the user's own object, whoever runs it and in whichever
    thread. Works in sync and async nodes, batches (one visit is one execution, the
    retries of its items included) and, mixed in before it, a graph.

    ``metrics`` holds ``execution_times`` (a list of seconds) and ``retry_counts``
    (a list; attempts after the first), ``success_count`` and ``error_count``: visits
    in which a phase raised, whether or not ``on_error`` took it. A cancelled visit
    is not counted.

    Args:
        collect_metrics: Whether to; a str here is a ``node_id``.
        arguments: Those of the class that it is mixed with, or of ``Node``.
        named: Likewise.
    """

    def __init__(
        self, collect_metrics: bool | str = True, *arguments: Any, **named: Any
    ) -> None:
        if isinstance(collect_metrics, str):
            if "node_id" in named:
                msg = (
                    f"{type(self).__name__} got two ids: {collect_metrics!r} and "
                    f"node_id={named['node_id']!r}"
                )
                raise TypeError(msg)
            named["node_id"], collect_metrics = collect_metrics, True
        if not isinstance(collect_metrics, bool):
            msg = (
                f"{type(self).__name__}: collect_metrics must be True or False, got "
                f"{collect_metrics!r}; name the other arguments"
            )
            raise TypeError(msg)
        super().__init__(*arguments, **named)
        self.collect_metrics = collect_metrics
        self.metrics: dict[str, Any] = {
            "execution_times": [],
            "retry_counts": [],
            "success_count": 0,
            "error_count": 0,
        }
        self._retries: list[None] = []

    def get_stats(self) -> dict[str, Any]:
        """What ``metrics`` comes to: seconds, counts, and a rate from 0 to 1.

        Returns:
            ``{"status": "no_executions"}`` before the first visit has ended.
        """
        with _counting:
            times = list(self.metrics["execution_times"])
            retries = sum(self.metrics["retry_counts"])
            successes = self.metrics["success_count"]
        if not times:
            return {"status": "no_executions"}
        return {
            "total_executions": len(times),
            "success_rate": successes / len(times),
            "avg_execution_time": sum(times) / len(times),
            "min_execution_time": min(times),
            "max_execution_time": max(times),
            "total_retries": retries,
        }

    def _note_start(self) -> float:
        # A list, not a number: the copies that run a batch's items share it.
        self._retries = []
        return super()._note_start()

    def _note_retry(self) -> None:
        super()._note_retry()
        self._retries.append(None)

    def _note_error(self, started: float, error: Exception) -> None:
        super()._note_error(started, error)
        self._count("error_count", started)

    def _note_end(self, started: float) -> None:
        super()._note_end(started)
        self._count("success_count", started)

    def _count(self, outcome: str, started: float) -> None:
        if not self.collect_metrics:
            return
        seconds = time.perf_counter() - started
        with _counting:
            self.metrics[outcome] += 1
            self.metrics["execution_times"].append(seconds)
            self.metrics["retry_counts"].append(len(self._retries))
