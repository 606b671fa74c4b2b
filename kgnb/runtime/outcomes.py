"""What the end of a published run carries, where its publisher picks it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from kgnb.protocol import codec
from kgnb.runtime.beside import call_beside
from kgnb.runtime.result import answered_values

if TYPE_CHECKING:
    from collections.abc import Callable


async def pick(outcome: Callable[[Any], Any], shared: Any) -> Any:
    """Call the publisher's function, off the loop where it is sync.

    Returns:
        What JSON can carry of its value. What it raises is the run's failure.
    """
    picked = await call_beside(lambda: outcome(shared), "kgnb-outcome")
    if inspect.isawaitable(picked):
        picked = await picked
    plain, _ = codec.json_safe(answered_values(picked))
    return plain
