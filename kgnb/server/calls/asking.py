"""One command, one reply: how a request without a socket speaks to the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kgnb.errors import KgnbError, RateLimited, Unauthorized, Unavailable, from_code
from kgnb.protocol import codec, replies
from kgnb.server.closecodes import RATE_LIMITED, UNAUTHORIZED

if TYPE_CHECKING:
    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.peer import OutFrame, Peer
    from kgnb.protocol.commands import AnyCommand

_TIMEOUT = 30.0
"""Seconds; the broker itself gives up on a silent kernel before."""
_ENDINGS: dict[int, type[KgnbError]] = {
    UNAUTHORIZED.code: Unauthorized,  # its share link was revoked meanwhile
    RATE_LIMITED.code: RateLimited,
}


class _Reply:
    """The sink of a client that waits for one reply and wants nothing else."""

    is_congested = False

    def __init__(self) -> None:
        self.future: asyncio.Future[replies.Ack] = (
            asyncio.get_running_loop().create_future()
        )

    def send_nowait(self, frame: OutFrame) -> None:
        """Take the reply; events of a run that was started are not for us."""
        if self.future.done() or frame.topic not in ("ack", "error"):
            return
        reply = codec.decode_frame(frame.payload)
        if isinstance(reply, replies.Ack):
            self.future.set_result(reply)
        elif isinstance(reply, replies.ErrorReply):
            self.future.set_exception(_error(reply))

    def close_nowait(self, code: int, reason: str) -> None:
        """Refused before the reply."""
        if not self.future.done():
            self.future.set_exception(_ENDINGS.get(code, Unavailable)(reason))


def _error(reply: replies.ErrorReply) -> KgnbError:
    facts = reply.data if isinstance(reply.data, dict) else {}
    if reply.retry_after is not None:
        facts = facts | {"retry_after": reply.retry_after}
    error = from_code(reply.code, reply.message)
    error.data = facts
    return error


async def ask(driver: BrokerDriver, peer: Peer, command: AnyCommand) -> replies.Ack:
    """Give one command as ``peer``, as over a socket of its own.

    Safe to cancel; whether the command had its effect is then not known.

    Raises:
        KgnbError: What a socket would have been told by an ``error`` frame.
    """
    sink = _Reply()
    attachment = driver.connect(peer, sink)
    try:
        attachment.receive(codec.encode(command))
        async with asyncio.timeout(_TIMEOUT):
            return await sink.future
    except TimeoutError:
        raise Unavailable("the server did not answer in time") from None
    finally:
        attachment.close()
        if sink.future.done() and not sink.future.cancelled():
            sink.future.exception()  # looked at, whatever ended the wait
