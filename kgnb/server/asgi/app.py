"""The application: routes what a server hands it, wherever it is mounted."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import sys
from typing import TYPE_CHECKING, Any

from kgnb.server.asgi.auth import Guard
from kgnb.server.asgi.config import read_config
from kgnb.server.asgi.http import HttpCalls
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

    def __init__(
        self, config: Config, auth: Auth | None, token: str, root: str
    ) -> None:
        self.config = config
        self.token = token
        """Of whoever runs the application; counts where no ``auth`` was given."""
        self._is_open = auth is not None
        self._guard = Guard(auth, token)
        self._service = Service(config, root, knows_people=self._guard.knows_people)
        self._calls = HttpCalls(self.host, self._guard)
        self._sockets = Sockets(self.host, self._guard)
        self._is_told = False

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
            await self._calls(request, receive, send)

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
        if not self._is_open and not self._is_told:
            self._is_told = True
            # Not by a logger: logs are kept, and read by others.
            sys.stderr.write(
                "kgnb: without auth= only this machine may connect, with the token "
                f"{self.token}\n"
                "kgnb: for example ws://localhost:8000/ws/workflow?token="
                f"{self.token}\n"
            )


def create_app(
    *,
    auth: Auth | None = None,
    config: Mapping[str, Any] | None = None,
    allow_origins: Collection[str] | None = None,
    log_url: str | None = None,
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
    process has one such application, and an application one process: with several
    workers each would have its own runs.

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
        public_url: Where people reach the application, for links.
        token: In place of the printed one.
        secret: Of which links and keys are made; by default one of this user.

    Raises:
        InvalidValue: A setting is unknown, or not what it should be.
    """
    read = read_config(
        config, allow_origins=allow_origins, log_url=log_url, public_url=public_url
    )
    root = secret or kept_secret()
    derived = hmac.new(root.encode(), b"kgnb app token", hashlib.sha256).hexdigest()
    return App(read, auth, token or derived[:32], root)
