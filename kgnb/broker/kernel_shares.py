"""Share links that kernels ask for: ``run.share()`` in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgnb.broker.peer import Peer
from kgnb.broker.rows import ShareRow
from kgnb.broker.shares import Wish
from kgnb.errors import KgnbError
from kgnb.protocol import link
from kgnb.protocol.ids import timestamp

if TYPE_CHECKING:
    from kgnb.broker.connections import Link
    from kgnb.broker.shares import Shared, Shares


class KernelShares:
    """Makes and revokes them; a kernel shares its own runs and nothing else."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares

    def receive(
        self, source: Link, frame: link.Share | link.Unshare, now: float
    ) -> None:
        """Take an order of a kernel that has said hello; the answer follows."""

        def answer(result: Shared | ShareRow | KgnbError) -> None:
            source.reply(self._told(frame.n, result))

        peer = Peer(
            identity=source.identity,
            role="owner",
            via="kernel",
            kernel_id=source.kernel_id,
        )
        try:
            if isinstance(frame, link.Share):
                wish = Wish(
                    run_id=frame.run_id,
                    role=frame.role,
                    ttl=frame.ttl,
                    label=frame.label,
                )
                self._shares.make(peer, wish, now, answer)
            else:
                self._shares.revoke(peer, frame.link_id, now, answer)
        except KgnbError as error:
            answer(error)

    def _told(self, n: int, result: Shared | ShareRow | KgnbError) -> link.Shared:
        if isinstance(result, KgnbError):
            return link.Shared(n=n, code=result.code, message=str(result))
        if isinstance(result, ShareRow):
            return link.Shared(n=n, link_id=result.share_id)
        return link.Shared(
            n=n,
            link_id=result.row.share_id,
            token=result.token,
            expires_at=timestamp(result.row.expires_at),
            public_url=self._shares.public_url,
        )
