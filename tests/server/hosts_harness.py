"""The hosts of the broker, behind one interface: Jupyter's server, and FastAPI."""

import asyncio

import uvicorn
from fastapi import FastAPI
from server_harness import TOKEN, Site

from kgnb.server import closecodes
from kgnb.server.asgi import User, create_app
from kgnb.server.calls.call import ANSWER, CONTROL, START

ROLES = {START: "control", CONTROL: "answer", ANSWER: "view"}
"""The highest role without a permission."""


class Deny:
    """A Jupyter authorizer that refuses some pairs of action and resource."""

    def __init__(self, *denied):
        self.denied = denied

    def is_authorized(self, handler, user, action, resource):
        return (action, resource) not in self.denied


class JupyterSite(Site):
    """A Jupyter server with the extension; started and stopped by its fixtures."""

    calls = "kgnb.server.http"
    """The module that serves the calls."""

    def __init__(self, app, serverapp, port):
        super().__init__(port, app.host.settings.link_secret)
        self.app = app
        self.serverapp = serverapp
        self.host = app.host

    def without(self, permission):
        """The token of somebody who may not; everybody is that somebody here."""
        self.serverapp.web_app.settings["authorizer"] = Deny(permission)
        return TOKEN

    async def stop(self):
        await self.app.stop_extension()


class FastApiSite(Site):
    """A FastAPI application with kgnb mounted, served by uvicorn on this loop."""

    calls = "kgnb.server.asgi.http"

    def __init__(self, **options):
        people = {TOKEN: User(username="ann", name="Ann", may_join=True)}
        for role in ROLES.values():
            people[f"token-{role}"] = User(username=role, role=role)
        options = {"auth": people.get, "log_url": "memory://", "secret": "s"} | options
        self.app = create_app(**options)
        self.host = self.app.host

    async def start(self):
        outer = FastAPI(lifespan=self.app.lifespan)
        outer.mount("/a@b/kgnb", self.app)  # so that its base URL is Jupyter's
        options = {"host": "127.0.0.1", "port": 0} | self.app.uvicorn_options
        self.server = uvicorn.Server(uvicorn.Config(outer, **options))
        # Not ``serve``, which would take the signals that are pytest's.
        self.serving = asyncio.ensure_future(self.server._serve())
        async with asyncio.timeout(10):
            while not self.server.started:
                assert not self.serving.done(), self.serving
                await asyncio.sleep(0.005)
        (listener,) = self.server.servers
        port = listener.sockets[0].getsockname()[1]
        super().__init__(port, self.host.settings.link_secret)

    def without(self, permission):
        """The token of somebody who may not."""
        return f"token-{ROLES[permission]}"

    async def stop(self):
        """As the process ends when it is told to; safe to call twice."""
        for socket in list(self.host.sockets):
            socket.leave(*closecodes.RESTARTING)
        self.server.should_exit = True
        await self.serving
