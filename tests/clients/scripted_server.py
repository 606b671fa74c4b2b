"""A server made of a few rules, that breaks connections when it is told to.

It keeps the promises of the protocol and no more: one cursor for each run and
socket, a start once for each id, frames of one run in order.
"""

import asyncio
import contextlib
import json

import websockets

RUN = "0123456789abcdef" * 2
QUICK = {"first": 0.001, "longest": 0.01}
"""Of a back-off, in seconds."""


def run_of(count, run_id=RUN):
    """The events of a run that is over."""
    events = [{"type": "workflow_started", "params": {}}]
    events += [
        {"type": "log", "node_id": "A", "data": {"stream": "stdout", "text": str(n)}}
        for n in range(count)
    ]
    events.append({"type": "workflow_completed", "data": count})
    return [{**e, "run_id": run_id, "seq": i} for i, e in enumerate(events, 1)]


class ScriptedServer:
    """Use with ``async with``."""

    def __init__(self, runs=None, *, cuts=()):
        self.runs = runs or {}
        self.cuts = iter(cuts)
        """After how many frames each connection breaks; then none does."""
        self.log_id = "log 1"
        self.max_size = 1_048_576
        self.refusal = None
        """Close code and reason for whoever comes."""
        self.refused = {}
        """Error frames by the type of the command."""
        self.received = []
        self.requests = []
        self.started = {}
        self.sockets = set()
        self.close_codes = []
        self.is_mute = False
        self.position = None
        """What the next greeting says of it."""

    async def __aenter__(self):
        self.server = await websockets.serve(
            self.serve, "127.0.0.1", 0, subprotocols=["kgnb.v1"]
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/base/"

    def of_type(self, kind):
        return [frame for frame in self.received if frame["type"] == kind]

    async def serve(self, socket):
        self.requests.append(socket.request)
        if self.refusal is not None:
            await socket.close(*self.refusal)
            return
        await Serving(self, socket).go_on()

    async def publish(self, event):
        """One more event of a run, to all who read it."""
        self.runs.setdefault(event["run_id"], []).append(event)
        for serving in list(self.sockets):
            if event["run_id"] in serving.runs:
                await serving.send(event)


class Serving:
    def __init__(self, server, socket):
        self.server = server
        self.socket = socket
        self.runs = set()
        self.left = next(server.cuts, None)

    async def send(self, frame):
        if self.left is not None:
            if self.left == 0:
                self.socket.transport.abort()
            self.left -= 1
        await self.socket.send(json.dumps(frame))

    async def go_on(self):
        server = self.server
        server.sockets.add(self)
        hello = {
            "type": "hello", "protocol": "kgnb.v1", "server": "x",
            "log_id": server.log_id, "limits": {"max_message_size": server.max_size},
            "identity": {"user": "ada"}, "features": [],
        }  # fmt: skip
        if server.position is not None:
            hello["position"] = server.position
        try:
            with contextlib.suppress(websockets.ConnectionClosed):
                await self.send(hello)
                async for text in self.socket:
                    frame = json.loads(text)
                    server.received.append(frame)
                    if not server.is_mute:
                        await self.obey(frame)
        finally:
            server.sockets.discard(self)
            server.close_codes.append(self.socket.close_code)

    async def obey(self, frame):
        kind, reply = frame["type"], {"type": "ack", "id": frame.get("id")}
        if kind == "fork":
            reply["run_id"] = RUN
        if kind in self.server.refused:
            await self.send({**self.server.refused[kind], "id": frame["id"]})
        elif kind == "subscribe":
            await self.replay(frame)
        elif kind == "start_workflow":
            run_id = self.server.started.setdefault(frame["id"], RUN)
            await self.send({**reply, "run_id": run_id})
        elif kind in ("join_group", "leave_group"):
            done = {"join_group": "joined_group", "leave_group": "left_group"}[kind]
            await self.send({**reply, "type": done, "group": frame["group"]})
        elif kind != "unsubscribe":
            await self.send(reply)

    async def replay(self, frame):
        run_id, since = frame.get("run_id"), frame.get("since")
        runs = [run_id] if run_id else list(self.server.runs)
        events = [self.server.runs[each] for each in runs if each in self.server.runs]
        if run_id and not events:
            error = {"type": "error", "code": "no_such_run", "message": "no run"}
            await self.send({**error, "id": frame["id"]})
            return
        subscribed = {"type": "subscribed", "topics": [], "id": frame["id"]}
        if run_id:
            subscribed |= {"run_id": run_id, "seq": events[0][-1]["seq"]}
        await self.send(subscribed)
        self.runs.update(runs)
        for run in events:
            for event in list(run):
                if since is None or event["seq"] > since["seq"]:
                    await self.send(event)
                    await asyncio.sleep(0)


async def gathered(events):
    return [event async for event in events]
