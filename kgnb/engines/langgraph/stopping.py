"""Stopping between two steps: the one under way ends, and no other begins."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from langgraph import errors, runtime

from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not in LangGraph 1.1.
_RunControl: Any = getattr(runtime, "RunControl", None)
_Drained: Any = getattr(errors, "GraphDrained", ())


class Brake:
    """Of one run. ``pull`` may be called from any thread."""

    def __init__(self) -> None:
        self._control = None if _RunControl is None else _RunControl()
        self._is_pulled = False
        self._is_called = False

    @property
    def options(self) -> dict[str, Any]:
        """What a call of the graph must be given."""
        return {} if self._control is None else {"control": self._control}

    def pull(self) -> bool:
        """See ``CheckpointEngine.stop_after_step``."""
        if self._control is None:
            raise Unavailable(
                "cancel(after='step'): this LangGraph cannot stop between two steps; "
                "pip install --upgrade langgraph, or pause() the run, and cancel() it "
                "when what still runs has ended"
            )
        # In this order: a call that ends just now looks after it has said so.
        self._is_pulled = True
        self._control.request_drain("kgnb")
        return self._is_called

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Around a call of the graph.

        Raises:
            asyncio.CancelledError: It was stopped between two steps.
        """
        self._is_called = True
        try:
            yield
        except _Drained as drained:
            raise asyncio.CancelledError from drained
        finally:
            self._is_called = False

    def check(self) -> None:
        """Between two calls of the graph.

        Raises:
            asyncio.CancelledError: It was stopped.
        """
        if self._is_pulled:
            raise asyncio.CancelledError
