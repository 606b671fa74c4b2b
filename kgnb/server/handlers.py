"""The two kinds of socket: a client's and a kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError

from kgnb.broker.peer import Identity, Peer
from kgnb.server import access, callers, closecodes
from kgnb.server.sockets import GatedSocket

if TYPE_CHECKING:
    from kgnb.broker.driver import Attachment, BrokerDriver
    from kgnb.broker.peer import Role
    from kgnb.server.closecodes import Close
    from kgnb.server.sendqueue import SocketSink

_LINK_SIZE = 16
"""How much larger a kernel's frame may be: it holds many events."""
_LINK_SILENCE = 600.0
"""Seconds. A C call that holds the GIL silences a healthy kernel's link for as
long as it likes; whether the kernel lives is known from its manager."""


class ClientSocket(GatedSocket):
    """``kgnb/ws``: panels, pages and scripts."""

    _role: Role | None = None
    _identity: Identity | None = None
    _may_join = False
    _workflow: str | None = None
    _key: str | None = None

    @allow_unauthenticated  # the gate answers with 4001, which a browser can read
    async def get(self, *args: str) -> None:
        """Upgrade to a WebSocket."""
        await self.handshake(*args)

    async def admit(self, *_args: str) -> Close | None:
        """Whoever Jupyter knows and its authorizer lets read."""
        if not self.current_user or self._is_cookie_alone():
            return closecodes.UNAUTHORIZED
        caller = callers.JupyterCaller(self)
        self._role = await access.role_of(caller.may)
        if self._role is None:
            return closecodes.FORBIDDEN
        self._identity = await caller.identity()
        self._may_join = await caller.may(*access.JOIN)
        return None

    def attach(self, driver: BrokerDriver, sink: SocketSink) -> Attachment:
        """Connect with the identity and the role found at the handshake."""
        if self._identity is None or self._role is None:
            raise HTTPError(403)
        is_ours = self.selected_subprotocol == access.PROTOCOL
        peer = Peer(
            identity=self._identity,
            role=self._role,
            via=access.via(
                self.get_query_argument("via", None),
                is_page="Origin" in self.request.headers,
            ),
            client_id=access.client_id(self.get_query_argument("client_id", None)),
            position=access.position(self.get_query_argument("position", None)),
            may_join=self._may_join,
            protocol="kgnb.v1" if is_ours else "document",
            workflow=self._workflow,
            key=self._key,
        )
        return driver.connect(peer, sink)

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

    async def admit(self, *args: str) -> Close | None:
        """As for ``kgnb/ws``; then the workflow has to exist."""
        refusal = await super().admit(*args)
        if refusal is not None:
            return refusal
        self._workflow, self._key = args
        driver = self.host.driver
        is_unknown = driver is not None and driver.workflow(self._workflow) is None
        return closecodes.NO_SUCH_WORKFLOW if is_unknown else None


class LinkSocket(GatedSocket):
    """``kgnb/link``: a kernel, by the secret that this server gave it."""

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

    def attach(self, driver: BrokerDriver, sink: SocketSink) -> Attachment:
        """Connect as a kernel; its hello says which one."""
        peer = Peer(
            identity=Identity(user="kernel", kind="kernel"), role="owner", via="kernel"
        )
        return driver.connect_link(peer, sink)
