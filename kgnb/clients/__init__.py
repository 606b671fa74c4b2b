"""Clients in Python: start runs, read their events, answer, from anywhere.

    async with kgnb.clients.connect("http://localhost:8888", token="…") as client:
        run = await client.start("article", {"topic": "tides"})
        async for event in client.events(run_id=run.run_id):
            print(event["type"])

``connect_blocking`` has the same methods without ``await``. Both survive a broken
connection: each event comes once and in order, each command has one effect.

Process: any. Loop: the caller's; the blocking client has one on a thread of its own.
"""

from kgnb.clients.addresses import Server, from_jupyter
from kgnb.clients.blocking import BlockingClient, connect_blocking
from kgnb.clients.client import Client, Started, connect

__all__ = [
    "BlockingClient",
    "Client",
    "Server",
    "Started",
    "connect",
    "connect_blocking",
    "from_jupyter",
]
