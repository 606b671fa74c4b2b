"""The servers beside which kgnb's fan-out is measured, each as people write it.

Every one has two sockets: what ``/source`` says goes to all clients of ``/events``.
None has identity, topics, a log, or a bound on what a slow reader may hold.

* tornado: ``write_message`` for each client;
* websockets: its ``broadcast``;
* starlette: ``await websocket.send_json(…)`` for each client, under uvicorn, as the
  managers of connections in FastAPI's tutorials do.

    python -m benchmarks.peers NAME PORT
"""

# ruff: noqa: PLC0415 - their memory is measured: none loads what only others need
from __future__ import annotations

import asyncio
import json
import sys


async def tornado(port: int) -> None:
    """Bare tornado, in the version of the Jupyter server."""
    from tornado.web import Application
    from tornado.websocket import WebSocketHandler

    clients: set[WebSocketHandler] = set()

    class Events(WebSocketHandler):
        def open(self) -> None:
            self.set_nodelay(True)
            clients.add(self)

        def on_close(self) -> None:
            clients.discard(self)

    class Source(WebSocketHandler):
        def on_message(self, message: str | bytes) -> None:
            for client in clients:
                client.write_message(message)

    Application([("/events", Events), ("/source", Source)]).listen(port, "127.0.0.1")
    print("ready", flush=True)
    await asyncio.Event().wait()


async def websockets(port: int) -> None:
    """The library websockets, by its own way for many clients."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    clients: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        if connection.request.path == "/source":
            async for message in connection:
                broadcast(clients, message)
            return
        clients.add(connection)
        try:
            await connection.wait_closed()
        finally:
            clients.discard(connection)

    async with serve(handle, "127.0.0.1", port, compression=None):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def starlette(port: int) -> None:
    """Starlette, which is what FastAPI's sockets are, under uvicorn."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    clients: list[WebSocket] = []

    async def events(websocket: WebSocket) -> None:
        await websocket.accept()
        clients.append(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            clients.remove(websocket)

    async def source(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                message = json.loads(await websocket.receive_text())
                for client in tuple(clients):  # one may leave meanwhile
                    await client.send_json(message)
        except WebSocketDisconnect:
            pass

    routes = [WebSocketRoute("/events", events), WebSocketRoute("/source", source)]
    config = uvicorn.Config(
        Starlette(routes=routes),
        port=port,
        log_level="warning",
        ws_per_message_deflate=False,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list | None = None) -> None:
            await super().startup(sockets)
            print("ready", flush=True)

    await Server(config).serve()


SERVERS = {each.__name__: each for each in (tornado, websockets, starlette)}


if __name__ == "__main__":
    asyncio.run(SERVERS[sys.argv[1]](int(sys.argv[2])))
