"""What the handlers of one server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from kgnb.server.doors import OwnDoors

if TYPE_CHECKING:
    from collections.abc import Callable

    from kgnb.broker.driver import BrokerDriver
    from kgnb.server.doors import Doors
    from kgnb.server.entrance import Guest


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The extension's configuration, as the handlers use it."""

    max_connections: int = 1000
    ping_interval: float = 30.0
    """Seconds; 0 sends no pings."""
    ping_timeout: float = 10.0
    """Seconds."""
    max_message_size: int = 1024 * 1024
    """Bytes."""
    compression: str = "deflate"
    allow_origins: tuple[str, ...] = ()
    link_secret: str = field(default="", repr=False)
    """The kernels', which is not the configured one but made of it."""
    recheck_interval: float = 30.0
    """Seconds between the rounds in which whoever is connected is judged anew."""
    public_url: str | None = None
    """Where people reach the pages, ``base_url`` included; ends with a slash."""


class OpenSocket(Protocol):
    """A connection that stays, and can be told to go."""

    @property
    def guest(self) -> Guest | None:
        """Who it is, by which credential; None: a kernel, or nobody yet."""
        ...

    @property
    def queued_bytes(self) -> int:
        """That wait for the peer."""
        ...

    def leave(self, code: int, reason: str) -> None:
        """Close with a reason; the peer may come back."""


@dataclass
class Host:
    """The broker, its settings, and the sockets that are open.

    Belongs to the server's loop. There are no ``doors`` before the start, after the
    stop, and while several servers find out who leads: requests are then told to try
    again.
    """

    settings: Settings
    driver: BrokerDriver | None = None
    """The broker, where it is this server's."""
    far: Doors | None = None
    """The ways to the broker, where it is another server's."""
    server: str = ""
    """This one of several, made up at its start; empty where it is alone."""
    role: str | None = None
    """``leader`` or ``follower``, where there are several and one leads."""
    trouble: str | None = None
    """Why events are not kept over a restart, in words; None where they are."""
    sockets: set[OpenSocket] = field(default_factory=set)
    greeted: Callable[[str, str], None] = lambda _kernel_id, _process_id: None
    """Told of each kernel's hello, which names the process that it is just now."""

    @property
    def doors(self) -> Doors | None:
        """The ways into the broker."""
        if self.driver is not None:
            return OwnDoors(self.driver, self.server)
        return self.far

    @property
    def connections(self) -> int:
        """Clients' sockets and event readers that are connected to this server."""
        if self.server:
            return sum(socket.guest is not None for socket in self.sockets)
        return 0 if self.driver is None else self.driver.statistics().connections

    def close_sockets(self, code: int, reason: str) -> None:
        """Let everybody go who is connected to this server; they may come back."""
        for socket in list(self.sockets):
            socket.leave(code, reason)
