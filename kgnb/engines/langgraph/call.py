"""How a compiled graph is called: what its user would give its own ``ainvoke``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from kgnb.errors import InvalidValue

Durability = Literal["sync", "async", "exit"]
Interrupts = Literal["*"] | Sequence[str]
Strategy = Literal["reject", "enqueue"]

_STRATEGIES = ("reject", "enqueue")


class GraphCall(msgspec.Struct, frozen=True, kw_only=True):
    """LangGraph's own words, passed on with each call of a run's graph.

    What is None is not passed on, and is then as the graph was compiled.
    """

    config: Any = None
    context: Any = None
    durability: Durability | None = None
    interrupt_before: Interrupts | None = None
    interrupt_after: Interrupts | None = None
    multitask_strategy: Strategy = "reject"
    """What becomes of a run whose thread has one; ours, by the words of its server."""

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of ``astream`` besides input and config."""
        given = {
            "context": self.context,
            "durability": self.durability,
            "interrupt_before": self.interrupt_before,
            "interrupt_after": self.interrupt_after,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def given(self) -> dict[str, Any]:
        """What was given at all, for who has to refuse it."""
        config = {} if self.config is None else {"config": self.config}
        is_default = self.multitask_strategy == "reject"
        strategy = {"multitask_strategy": self.multitask_strategy}
        return {**config, **self.options, **({} if is_default else strategy)}

    def check(self) -> None:
        """Refuse a strategy that does not exist here.

        Raises:
            InvalidValue: It is none of the two.
        """
        if self.multitask_strategy not in _STRATEGIES:
            raise InvalidValue(
                f"multitask_strategy={self.multitask_strategy!r}: expected "
                f"'reject' or 'enqueue'; to put another run in place of one, cancel "
                f"that first, and to undo what it did, fork from a checkpoint before it"
            )
