"""tornado's WebSocket protocol, with a bound on the fragments of one message.

tornado bounds the bytes of a message. Empty fragments have none and cost as much as
full ones: 300,000 of them in one message take two seconds of the server's loop.
"""

from __future__ import annotations

from tornado.websocket import WebSocketProtocol13

from kgnb.server import closecodes

MOST = 1000
"""Fragments of one message; browsers and our clients send one."""


class BoundedProtocol(WebSocketProtocol13):
    """Closes with 1008 at one fragment too many.

    ``_receive_frame`` is not tornado's public interface (6.5, 6.6), and the only place
    where a frame is seen that does not end a message; a test holds it.
    """

    _fragments = 0

    async def _receive_frame(self) -> None:
        await super()._receive_frame()
        if self._fragmented_message_buffer is None:
            self._fragments = 0
            return
        self._fragments += 1
        if self._fragments >= MOST:
            self.close(*closecodes.POLICY)
            self._abort()
