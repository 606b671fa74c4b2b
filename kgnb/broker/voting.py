"""Votes: who may cast one, and what those cast so far come to. Pure functions.

A person has one vote in an approval and cannot take it back. An option wins with
``need`` votes; an option of ``veto`` wins with one. Where named approvers have voted
so that nothing can win any more, the vote is over as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kgnb.broker.rows import Vote
from kgnb.broker.values import is_same
from kgnb.errors import Conflict, Forbidden, InvalidValue
from kgnb.protocol import events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgnb.broker.peer import Peer, Voters
    from kgnb.broker.rows import ApprovalRow
    from kgnb.protocol.commands import AnswerApproval
    from kgnb.protocol.events import ApprovalData

MAX_REASON = 4000
"""Characters; every vote is sent to every reader again with each later one."""


def check_voter(row: ApprovalRow, peer: Peer, voters: Voters) -> None:
    """Refuse who is not asked, or cannot be told apart where people count.

    Raises:
        Forbidden: The identity does not count here.
        Conflict: It has been counted.
    """
    data = row.data
    if (data.need == 1 and data.approvers is None) or peer.is_script:
        return
    text = f"approval {data.message!r}"
    if peer.identity.kind == "kernel":
        raise Forbidden(
            f"{text} counts people, and nobody signs in to a kernel: vote on the run's "
            f"page or in the server's panel, or let a script decide by answers="
        )
    if voters.mark(peer.identity) is None:
        raise Forbidden(
            f"{text} counts people, and you cannot be told apart from others: sign in "
            f"with an identity of your own"
        )
    if data.approvers is not None and peer.identity.user not in data.approvers:
        raise Forbidden(f"{text}: you are not among its approvers")
    earlier = next((v for v in row.votes if v.user == peer.identity.user), None)
    if earlier is not None:
        raise Conflict(f"{text}: you have voted already, for {earlier.value!r}")


def cast(
    row: ApprovalRow,
    peer: Peer,
    command: AnswerApproval,
    voters: Voters,
    *,
    at: str,
    fingerprint: str | None,
) -> Vote:
    """The vote that a checked peer's command is.

    Raises:
        InvalidValue: Its reason is too long.
    """
    if command.reason is not None and len(command.reason) > MAX_REASON:
        raise InvalidValue(
            f"approval {row.data.message!r}: expected a reason of at most {MAX_REASON} "
            f"characters, got {len(command.reason)}"
        )
    user = peer.identity.user
    return Vote(
        user=user,
        name=peer.identity.shown or "",
        voter=voters.mark(peer.identity) or "",
        approver=user if user in (row.data.approvers or ()) else None,
        value=command.value,
        at=at,
        reason=command.reason,
        command=fingerprint,
    )


def verdict(
    data: ApprovalData, votes: Sequence[Vote]
) -> Literal["decided", "split"] | None:
    """What the latest of ``votes`` brings about; None: the others are awaited."""
    latest = votes[-1].value
    if _contains(data.veto or (), latest) or _count(votes, latest) >= data.need:
        return "decided"
    if data.approvers is None:
        return None
    left = len(set(data.approvers)) - len(votes)
    most = max(_count(votes, vote.value) for vote in votes)
    can_win = left > 0 and (most + left >= data.need or bool(data.veto))
    return None if can_win else "split"


def split_reason(data: ApprovalData, votes: Sequence[Vote]) -> str:
    """Why a vote was closed with no winner."""
    options = [True, False] if data.options is None else data.options
    counted = ", ".join(f"{each!r}: {_count(votes, each)}" for each in options)
    return f"no majority is possible: it needs {data.need} for one option ({counted})"


def shown(votes: Sequence[Vote]) -> list[events.CastVote] | None:
    """The votes as everybody may see them; None where there are none."""
    if not votes:
        return None
    return [
        events.CastVote(
            voter=vote.voter,
            user=vote.name,
            value=vote.value,
            at=vote.at,
            reason=vote.reason,
            approver=vote.approver,
        )
        for vote in votes
    ]


def _count(votes: Sequence[Vote], value: Any) -> int:
    return sum(is_same(vote.value, value) for vote in votes)


def _contains(values: Sequence[Any], value: Any) -> bool:
    return any(is_same(other, value) for other in values)
