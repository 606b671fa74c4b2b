"""What the log holds, taken in before anybody connects.

Rows are JSON of known shapes, so that nothing in them is ever run. One that has no such
shape, because somebody wrote over the file, is left as it is and out of account, and
the server's log names it; everything else goes on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kgnb.broker import rows

if TYPE_CHECKING:
    from kgnb.broker.core import Broker
    from kgnb.storage.base import Log, Row

logger = logging.getLogger("kgnb.broker")


async def load(broker: Broker, log: Log, now: float, *, kept: int) -> None:
    """Take in rows and streams.

    Args:
        broker: Nobody is connected to it yet.
        log: Open.
        now: Seconds since the epoch.
        kept: Messages of a group or topic that can be asked for.

    Raises:
        Unavailable: The log cannot be read.
    """
    broker.load(
        await _scan(log, rows.RUN, rows.RunRow),
        await log.streams(rows.STREAM),
        await _scan(log, rows.APPROVAL, rows.ApprovalRow),
        await _scan(log, rows.KERNEL, rows.KernelRow),
        now,
    )
    broker.load_workflows(await _scan(log, rows.WORKFLOWS, rows.WorkflowsRow))
    broker.load_shares(await _scan(log, rows.SHARE, rows.ShareRow), now)
    clients = await _scan(log, rows.CLIENT, rows.ClientRow)
    managers = await _scan(log, rows.MANAGER, rows.ManagerRow)
    broker.load_mail(clients, managers, now)
    for state in await log.streams(rows.MAIL):
        newest = await log.read(state.stream, max(0, state.seq - kept), kept)
        whole = [each for each in newest if rows.is_whole(each.payload, dict[str, Any])]
        broker.load_stream(state, whole)


async def _scan(log: Log, prefix: str, kind: Any) -> list[Row]:
    """The rows under a prefix that are what they should be."""
    found = await log.scan(prefix)
    whole = [row for row in found if rows.is_whole(row.value, kind)]
    if len(whole) < len(found):
        broken = {row.key for row in found} - {row.key for row in whole}
        logger.error("the log's rows %a cannot be read: left out", sorted(broken)[:5])
    return whole
