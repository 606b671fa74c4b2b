"""Answers to approvals that are not there: a slip, or somebody who tries ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.broker import audit
from kgnb.broker.limits import RATE_LIMIT_MESSAGE, Window
from kgnb.errors import NoSuchApproval, RateLimited

if TYPE_CHECKING:
    from kgnb.broker.effects import Effects
    from kgnb.broker.limits import BrokerLimits
    from kgnb.broker.peer import Peer
    from kgnb.errors import KgnbError


class Guesses:
    """How often each identity named a wrong one.

    Past ``max_wrong_ids`` it hears only that it is too fast, and is written down no
    more. What is there it can answer all the same: nobody is locked out by another
    client of his identity.
    """

    def __init__(self, effects: Effects, limits: BrokerLimits) -> None:
        self._effects = effects
        self._limits = limits
        self._windows: dict[str, Window] = {}

    def wrong(self, peer: Peer, approval_id: str, now: float) -> KgnbError:
        """Count one; what it is told."""
        user = peer.identity.user
        window = self._windows.get(user)
        if window is None:
            window = Window(self._limits.max_wrong_ids, self._limits.rate_limit_window)
            self._windows[user] = window
        retry_after = window.hit(now)
        if retry_after is not None:
            return RateLimited(RATE_LIMIT_MESSAGE, retry_after=round(retry_after, 3))
        entry = audit.entry_by(
            peer,
            now,
            "answer",
            "refused",
            approval_id=approval_id[: self._limits.max_name],
            code=NoSuchApproval.code,
        )
        audit.write(self._effects, entry)
        return NoSuchApproval(f"no approval {approval_id!r}")

    def forget_idle(self, now: float) -> None:
        """Drop those who have been right or quiet for a while."""
        idle = [user for user, each in self._windows.items() if each.is_idle(now)]
        for user in idle:
            del self._windows[user]
