"""Connections in the log: a line when one begins, a line when it ends.

Coming and going are nothing special, so they are told at level INFO, whatever the
code. A line names the identity and how it came; never anything of a URL, a header or a
frame. Names are people's own, so they are written as JSON strings without any
character that a terminal or a log's reader would obey.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from kgnb.server.scrub import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger, LoggerAdapter

    from kgnb.broker.peer import Peer


class Stay:
    """One connection; belongs to the server's loop.

    Args:
        log: The host's.
        peer: Who came.
        clock: Seconds, of no particular beginning.
    """

    def __init__(
        self,
        log: Logger | LoggerAdapter[Logger],
        peer: Peer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._clock = clock
        self._began: float | None = clock()
        user = json.dumps(one_line(peer.identity.user), ensure_ascii=False)
        self._who = f"kind={peer.identity.kind} user={user} via={peer.via}"
        log.info("kgnb connect %s role=%s", self._who, peer.role)

    def end(self, code: int) -> None:
        """It is over, with a close code; what is told later is not heard."""
        began, self._began = self._began, None
        if began is not None:
            seconds = self._clock() - began
            self._log.info(
                "kgnb disconnect %s code=%d seconds=%.3f", self._who, code, seconds
            )
