"""``kgnb serve``: an application of its own, without writing one."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn

from kgnb.errors import InvalidValue
from kgnb.runtime import home
from kgnb.server.addresses import loopback_host
from kgnb.server.asgi.app import create_app


def load(target: str) -> tuple[Any | None, str]:
    """Import what is to be served, from the working directory or the environment.

    Args:
        target: ``module``, or ``module:name``; the name may have dots.

    Returns:
        What stands under the name and the name's last part; None for a module.

    Raises:
        InvalidValue: There is no such module, or nothing of that name in it.
    """
    module_name, _, path = target.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise InvalidValue(
            f"{target!r}: no module {error.name!r}, here or installed; expected "
            f"module:graph, such as main:graph for main.py"
        ) from None
    if not path:
        return None, ""
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise InvalidValue(f"{target!r}: nothing is named {part!r} there") from None
    return found, path.rpartition(".")[2]


def published_names() -> list[str]:
    """The workflows that this process has published."""
    return home.current().publications.names()


def serve(*, host: str, port: int, token: str | None) -> None:
    """Serve what this process has published; returns after Ctrl-C or SIGTERM.

    Args:
        host: The address to listen on.
        port: 0: any that is free.
        token: Lets its holder in from everywhere; None: one is printed, for this
            machine.
    """
    app = create_app(token=token)
    app.is_told = True
    options = app.uvicorn_options
    server = _Server(uvicorn.Config(app, host=host, port=port, **options))
    server.told = f"?token={app.token}" if token is None else "?token=…"
    server.run()


class _Server(uvicorn.Server):
    """Says where it is, once that is known."""

    told = ""

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if not self.servers:
            return
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        root = f"{loopback_host(host)}:{port}/kgnb/"
        sys.stderr.write(
            f"kgnb: pages at http://{root}{self.told}\n"
            f"kgnb: sockets at ws://{root}ws/workflow{self.told}\n"
        )
