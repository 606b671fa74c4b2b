"""What a client is told while nobody knows what became of its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.errors import Unavailable

if TYPE_CHECKING:
    from kgnb.broker.limits import BrokerLimits


def unsure(what: str, limits: BrokerLimits) -> Unavailable:
    """Why there is no reply yet; ``what`` as in "the answer"."""
    return Unavailable(
        f"the log does not answer: it is not known whether {what} was stored; send it "
        f"again with the same id",
        retry_after=limits.retry_after,
    )


def refused(what: str, limits: BrokerLimits) -> Unavailable:
    """Why nothing was done; ``what`` as in "the answer was not taken"."""
    return Unavailable(
        f"the log cannot be written now: {what}", retry_after=limits.retry_after
    )
