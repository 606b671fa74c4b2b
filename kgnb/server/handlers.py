"""The two kinds of socket: a client's and a kernel's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError

from kgnb.broker.peer import KERNEL
from kgnb.protocol.link import LinkHello
from kgnb.server import access, entrance
from kgnb.server.callers import JupyterCaller
from kgnb.server.closecodes import Close
from kgnb.server.journal import Stay
from kgnb.server.links import LinkCaller, is_ours
from kgnb.server.sockets import GatedSocket

if TYPE_CHECKING:
    from kgnb.broker.peer import Attached
    from kgnb.server.doors import Doors
    from kgnb.server.sendqueue import SocketSink

_LINK_SIZE = 16
"""How much larger a kernel's frame may be: it holds many events."""
_LINK_SILENCE = 600.0
"""Seconds. A C call that holds the GIL silences a healthy kernel's link for as
long as it likes; whether the kernel lives is known from its manager."""


class ClientSocket(GatedSocket):
    """``kgnb/ws``: panels, pages and scripts."""

    async def prepare(self) -> None:  # type: ignore[override]  # as JupyterHandler's own
        """Let Jupyter find a token of its own that came as a subprotocol."""
        headers = self.request.headers
        token = access.token_offered(entrance.offered(headers))
        if token and not is_ours(token) and "Authorization" not in headers:
            headers["Authorization"] = f"token {token}"
        await super().prepare()

    @allow_unauthenticated  # the gate answers with 4001, which a browser can read
    async def get(self, *args: str) -> None:
        """Upgrade to a WebSocket."""
        await self.handshake(*args)

    async def admit(self, *args: str) -> Close | None:
        """Whoever Jupyter knows and its authorizer lets read."""
        place, key = args or (None, None)
        request = self.request
        handshake = entrance.Handshake(
            headers={name.lower(): text for name, text in request.headers.items()},
            query={
                name: self.get_query_argument(name) for name in request.query_arguments
            },
            scheme=request.protocol,
            place=place,
            key=key,
        )
        # A cookie that no page sent is nobody's; a share link beside it counts.
        own = LinkCaller(None) if self._is_cookie_alone() else JupyterCaller(self)
        verdict = await entrance.admit(handshake, own, self.host.doors)
        if isinstance(verdict, Close):
            return verdict
        self.guest = verdict
        return None

    def attach(self, doors: Doors, sink: SocketSink) -> Attached:
        """Connect as whom the handshake showed."""
        if self.guest is None:
            raise HTTPError(403)
        self.stay = Stay(self.log, self.guest.peer)
        return doors.connect(self.guest.peer, sink)

    def _is_cookie_alone(self) -> bool:
        """A cookie that no page sent: every browser names the page's origin."""
        return (
            "Origin" not in self.request.headers
            and self.identity_provider.auth_enabled
            and not self.token_authenticated
        )


class WorkflowSocket(ClientSocket):
    """``kgnb/ws/{name}[/{key}]``: bound to a published workflow.

    What stands there may also be somebody's token, so it reaches no log.
    """

    hidden_after = "/kgnb/ws/"


class LinkSocket(GatedSocket):
    """``kgnb/link``: a kernel, by the secret that this server gave it."""

    _has_greeted = False

    @allow_unauthenticated  # Jupyter's token is none of a kernel's business
    async def get(self) -> None:
        """Upgrade to a WebSocket; without the secret HTTP 403."""
        header = self.request.headers.get("Authorization", "")
        if not access.is_link_secret(header, self.host.settings.link_secret):
            raise HTTPError(403)
        await self.handshake()

    @property
    def max_message_size(self) -> int:
        """Bytes."""
        return _LINK_SIZE * self.host.settings.max_message_size

    @property
    def keepalive_times(self) -> tuple[float, float]:
        """Ping interval and time-out, in seconds."""
        return self.host.settings.ping_interval, _LINK_SILENCE

    def get_compression_options(self) -> dict[str, Any] | None:
        """None: it would cost CPU and gain nothing on one machine."""
        return None

    async def admit(self, *_args: str) -> Close | None:
        """Who has the secret may stay."""
        return None

    def attach(self, doors: Doors, sink: SocketSink) -> Attached:
        """Connect as a kernel; its hello says which one."""
        self.stay = Stay(self.log, KERNEL)
        return doors.connect_link(KERNEL, sink)

    def on_message(self, message: str | bytes) -> None:
        """Hand a frame to the broker; a hello also to whoever watches the kernels."""
        if not self._has_greeted:
            self._has_greeted = True
            with contextlib.suppress(msgspec.MsgspecError):
                hello = msgspec.json.decode(message, type=LinkHello)
                self.host.greeted(hello.kernel_id, hello.process_id)
        super().on_message(message)
