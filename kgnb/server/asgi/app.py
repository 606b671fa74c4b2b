"""The application: routes what a server hands it, wherever it is mounted."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import sys
from typing import TYPE_CHECKING, Any

from kgnb.errors import InvalidValue
from kgnb.server.asgi.auth import Guard
from kgnb.server.asgi.config import read_config
from kgnb.server.asgi.http import Calls
from kgnb.server.asgi.hushed import hush
from kgnb.server.asgi.request import Request
from kgnb.server.asgi.service import Service, kept_secret
from kgnb.server.asgi.sockets import Sockets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from kgnb.server.asgi.auth import Auth
    from kgnb.server.asgi.config import Config
    from kgnb.server.asgi.types import Receive, Scope, Send
    from kgnb.server.host import Host


class App:
    """An ASGI 3 application. Made by :func:`create_app`; belongs to one event loop."""

    def __init__(self, config: Config, guard: Guard, root: str) -> None:
        hush()
        self.config = config
        self._guard = guard
        self._service = Service(config, root, knows_people=self._guard.knows_people)
        self._calls = Calls(self.host, self._guard)
        self._sockets = Sockets(self.host, self._guard)
        self.is_told = False
        """Whether the token has been printed."""

    @property
    def token(self) -> str | None:
        """Of whoever runs the application; None where it has an ``auth`` of its own."""
        return self._guard.token

    @property
    def host(self) -> Host:
        """The broker, its settings, and the sockets that are open."""
        return self._service.host

    @property
    def uvicorn_options(self) -> dict[str, Any]:
        """Arguments for ``uvicorn.run``: what only the server can do.

        Pings, compression, the size of a frame before it is in memory, and how long
        the stop waits for peers that do not read. Without them uvicorn's own hold.
        """
        return self.config.uvicorn_options()

    @contextlib.asynccontextmanager
    async def lifespan(self, _parent: object = None) -> AsyncIterator[None]:
        """Runs the broker; for the ``lifespan=`` of an application that mounts this.

        Without it the first request starts the broker, and the end of the loop
        stops it.
        """
        await self._service.ensure()
        self._tell()
        try:
            yield
        finally:
            await self._service.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._service.ensure()
        self._tell()
        request = Request.of(scope)
        if self._service.page_url is None:
            self._service.page_url = f"{request.origin}{request.base_url}kgnb/"
        if scope["type"] == "websocket":
            await self._sockets.serve(request, receive, send)
        else:
            await self._calls.serve(request, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.lifespan())
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()  # lifespan.shutdown
        await send({"type": "lifespan.shutdown.complete"})

    def _tell(self) -> None:
        """Print the token, once, where it is the only way in."""
        if self.is_told or not self._guard.is_local:
            return
        self.is_told = True
        # Not by a logger: logs are kept, and read by others.
        sys.stderr.write(
            f"kgnb: only this machine may connect, with the token {self.token}\n"
            f"kgnb: open the pages with ?token={self.token}, and sockets likewise;"
            f" or give create_app an auth= of your own\n"
        )


def create_app(
    *,
    auth: Auth | None = None,
    config: Mapping[str, Any] | None = None,
    allow_origins: Collection[str] | None = None,
    log_url: str | None = None,
    backplane_url: str | None = None,
    public_url: str | None = None,
    token: str | None = None,
    secret: str | None = None,
) -> App:
    """Make an application that serves the workflows of its process.

    ``uvicorn main:app`` serves it by itself, at ``/ws/workflow`` and
    ``/kgnb/ws/workflow`` alike; ``app.mount("/kgnb", kgnb_app)`` puts it into another
    application, whose ``lifespan=kgnb_app.lifespan`` starts and stops it (without
    that the first request starts it). What ``kgnb.publish`` published, at import or
    later, is served; runs that the process begins while it is served are shown. A
    process has one such application. An application has one process, unless a
    ``backplane_url`` joins several: else each would have its own runs.

    Args:
        auth: Takes a token, and gives the user it belongs to or None; async or not.
            The user is a name, or a dict or object with ``username`` and, if you
            like, ``name`` (what people are shown), ``role`` (``view``, ``answer``,
            ``control`` or ``start``, which is the default) and ``may_join`` (any
            group, not only those of ``groups_open``). Tokens come by ``Authorization:
            Bearer``, ``?token=``, the subprotocol ``kgnb.token.<token>`` or the path
            ``ws/<token>``. Without it only this machine may connect, with a token
            that is printed at the start.
        config: The documents' ``WEBSOCKET_CONFIG``: ``max_connections``,
            ``ping_interval``, ``ping_timeout``, ``max_message_size``, ``compression``,
            ``origins``; and any other setting of :class:`config.Config`.
        allow_origins: Origins whose pages may connect, besides the application's own.
        log_url: Where runs are kept; by default a file of this user and directory.
        backplane_url: ``redis://…`` joins several servers, which then act as one; they
            have one ``log_url`` (Redis or PostgreSQL), one ``secret`` and one way to
            know people.
        public_url: Where people reach the application, for links.
        token: In place of the printed one, where there is no ``auth``. Who has it may
            come from other machines, too: you chose it.
        secret: Of which links and keys are made; by default one of this user.

    Raises:
        InvalidValue: A setting is unknown, or not what it should be.
    """
    read = read_config(
        config,
        allow_origins=allow_origins,
        log_url=log_url,
        backplane_url=backplane_url,
        public_url=public_url,
    )
    root = secret or kept_secret()
    if auth is not None and token is not None:
        raise InvalidValue("create_app: expected auth= or token=, got both")
    if auth is not None:
        return App(read, Guard(auth), root)
    derived = hmac.new(root.encode(), b"kgnb app token", hashlib.sha256).hexdigest()
    guard = Guard(token=token or derived[:32], is_local=token is None)
    return App(read, guard, root)
