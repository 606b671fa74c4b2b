"""Signs what goes through Redis, where others may write too.

The key is made of the secret that the servers share, the prefix of their deployment
and the receiver's name, so nobody without the secret makes a message up, and none is
read that was meant for another server or another deployment. That one is sent to the
same server again does nothing: its number is old (see ``line``).
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from kgnb.errors import Unauthorized
from kgnb.server.backplane.messages import Envelope

_SIZE = hashlib.sha256().digest_size
_encode = msgspec.msgpack.encode
_decoder = msgspec.msgpack.Decoder(Envelope)


class Seal:
    """Seals and opens envelopes.

    Args:
        root: The secret that all servers of a deployment share.
        prefix: The deployment's, in Redis.
    """

    def __init__(self, root: str, prefix: str) -> None:
        self._root = root.encode()
        self._prefix = prefix

    def _key(self, receiver: str) -> bytes:
        purpose = f"backplane {self._prefix} {receiver}"
        return hmac.new(self._root, purpose.encode(), hashlib.sha256).digest()

    def close(self, receiver: str, envelope: Envelope) -> bytes:
        """An envelope as it travels.

        Args:
            receiver: The server that it is for.
            envelope: Any.
        """
        data = _encode(envelope)
        return hmac.digest(self._key(receiver), data, "sha256") + data

    def open(self, receiver: str, letter: bytes) -> Envelope:
        """What a letter holds.

        Args:
            receiver: The server that found it.
            letter: As it travelled.

        Raises:
            Unauthorized: It is not signed, or not what it should be.
        """
        mark, data = letter[:_SIZE], letter[_SIZE:]
        expected = hmac.digest(self._key(receiver), data, "sha256")
        if not hmac.compare_digest(mark, expected):
            raise Unauthorized(
                "backplane: a message without our signature was thrown away; give all"
                " servers the same link_secret, and no one else"
            )
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Unauthorized(
                f"backplane: a message was thrown away: {error}"
            ) from None
