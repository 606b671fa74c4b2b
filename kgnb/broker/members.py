"""One client of an application, and one stream of messages that it may hear."""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from kgnb.broker import rows
from kgnb.protocol import link

if TYPE_CHECKING:
    from kgnb.broker.connections import Connection
    from kgnb.broker.rows import ClientRow, Place

Key = tuple[str, str]
"""Identity and ``client_id``."""

GROUP, TOPIC, CLIENT = "group/", "topic/", "client/"
"""Kinds of stream; the rest of a stream's name is the group's, the topic's, or
stands for one client."""


class Stream:
    """One group, topic or named client, as far as messages are concerned."""

    def __init__(self, name: str, retained: int) -> None:
        self.name = name
        self.seq = 0
        """Of the last message that was stored."""
        self.marks: deque[int] = deque(maxlen=retained)
        """Positions of the newest stored messages, the last one's at the end."""
        self.members: dict[Key, Client] = {}
        self.named = 0
        """How many members are; without any, nothing need be stored."""

    @property
    def first(self) -> int:
        """The seq of the oldest message that can be delivered."""
        return self.seq - len(self.marks) + 1

    def mark(self, seq: int) -> int:
        """The position of a message; 0: of none, or of one that is not kept."""
        return self.marks[seq - self.first] if self.first <= seq <= self.seq else 0


class Client:
    """One client; ``places`` has its streams and how far it is in each."""

    def __init__(self, key: Key, *, is_named: bool) -> None:
        self.key = key
        self.user, self.client_id = key
        self.is_named = is_named
        self.sockets: dict[int, Connection] = {}
        self.places: dict[str, Place] = {}
        self.connected_at = ""
        self.left_at: float | None = None
        self.is_changed = False
        """Whether its row is not as stored."""

    @property
    def own_stream(self) -> str:
        """The stream of what is sent to it alone."""
        return CLIENT + digest(self.key)

    def names(self, kind: str) -> list[str]:
        """Its groups or topics."""
        found = (name for name in self.places if name.startswith(kind))
        return sorted(name.removeprefix(kind) for name in found)

    def row(self) -> ClientRow:
        """As the log keeps it."""
        return rows.ClientRow(
            user=self.user,
            client_id=self.client_id,
            places=self.places,
            left_at=self.left_at,
        )

    def info(self) -> link.ClientInfo:
        """As node authors see it."""
        peer = next(iter(self.sockets.values())).peer if self.sockets else None
        return link.ClientInfo(
            client_id=self.client_id,
            user=self.user,
            name=peer.identity.shown if peer else None,
            via=peer.via if peer else "",
            connected_at=self.connected_at,
            connections=len(self.sockets),
            groups=self.names(GROUP),
            subscriptions=self.names(TOPIC),
        )


def digest(key: Key) -> str:
    """Names a client in the log: one text for two of any characters."""
    return hashlib.sha256(msgspec.json.encode(key)).hexdigest()[:32]


def is_visible(client: Client, kernel_id: str) -> bool:
    """Whether a kernel may know of a client: a view behind another one it may not."""
    peers = [conn.peer for conn in client.sockets.values()]
    return all(peer.kernel_id in (None, kernel_id) for peer in peers)
