"""A follower's end: the ways to a broker that is on another server."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, Any

from kgnb.broker.peer import Peer
from kgnb.errors import Unavailable
from kgnb.server import access, closecodes
from kgnb.server.backplane import messages as says
from kgnb.server.backplane.bodies import FarBody
from kgnb.server.backplane.leading import SILENCE
from kgnb.server.backplane.questions import Questions
from kgnb.server.calls.call import ANSWER, CONTROL, READ, START, Reply
from kgnb.server.entrance import Guest
from kgnb.server.links import LinkCaller

if TYPE_CHECKING:
    from collections.abc import Collection

    from kgnb.broker.peer import Identity, OutFrame, Sink
    from kgnb.server.backplane.line import Line
    from kgnb.server.backplane.post import Post
    from kgnb.server.calls.call import Call, Caller, Route
    from kgnb.server.host import Host

logger = logging.getLogger("kgnb.server")

_LOOK = 0.05
"""Seconds between looks at queues that were past their high-water mark."""
_PERMISSIONS = (READ, ANSWER, CONTROL, START, access.JOIN)


class FarDoors:
    """See ``doors.Doors``: to the broker of the leader. Belongs to the server's loop.

    Ends when the leader lets this server go, is silent, or leaves something out: then
    each connection is closed with 1012. After :meth:`greet` you must :meth:`aclose`.

    Args:
        host: Of this server.
        line: To the leader.
        post: Carries what is said.
    """

    def __init__(self, host: Host, line: Line, post: Post) -> None:
        self.is_over = asyncio.Event()
        self.reason = ""
        """Why it is over."""
        self._host = host
        self._line = line
        self._post = post
        self._channels = itertools.count(1)
        self._sinks: dict[int, Sink] = {}
        self._slow: set[int] = set()
        self._looking: asyncio.TimerHandle | None = None
        self._questions = Questions(self._say)
        self._is_welcome = asyncio.Event()
        self._is_healthy = True
        self._heard_at = asyncio.get_running_loop().time()

    # ---- life

    async def greet(self) -> bool:
        """Say hello; whether the leader answers, in time."""
        self._say(says.Hello())
        waits = [
            asyncio.ensure_future(event.wait())
            for event in (self._is_welcome, self.is_over)
        ]
        try:
            await asyncio.wait(
                waits, timeout=SILENCE, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return self._is_welcome.is_set() and not self.is_over.is_set()

    def beat(self) -> None:
        """Once a second: show life; end if the leader shows none."""
        if asyncio.get_running_loop().time() - self._heard_at > SILENCE:
            self.end("the leader is silent")
        elif not self.is_over.is_set():
            self._say(says.Beat())

    def end(self, reason: str) -> None:
        """Close all that is connected; they may come back. Safe to call twice."""
        if self.is_over.is_set():
            return
        self.reason = reason
        self.is_over.set()
        self._line.close()
        if self._looking is not None:
            self._looking.cancel()
        self._questions.end()
        sinks, self._sinks = self._sinks, {}
        for sink in sinks.values():
            sink.close_nowait(*closecodes.RESTARTING)

    def leave(self) -> None:
        """Tell the leader that this server stops, then :meth:`end`."""
        if not self.is_over.is_set():
            self._say(says.Bye("the follower stops"))
        self.end("this server stops")

    # ---- in

    def take(self, envelope: says.Envelope, size: int) -> None:
        """An envelope that came for this server."""
        if envelope.session != self._line.session:
            return  # what is late, of a session that is over
        try:
            for message in self._line.receive(envelope, size):
                self._hear(message)
        except Unavailable as error:
            self.end(str(error))
        except Exception:
            # The root of an envelope's work: what came of it nobody knows.
            logger.exception("backplane: an envelope ran into an error")
            self.end("an internal error")
        if self._line.is_open and self._line.has_news:
            self._post.wake(self._line)

    def _hear(self, message: says.Message) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        match message:
            case says.Frames(channels, frame):
                for channel in channels:
                    self._deliver(channel, frame)
            case says.Told(number, answer):
                self._questions.told(number, answer)
            case says.Refused():
                self._questions.refused(message)
            case says.Closed(channel, code, reason):
                self._slow.discard(channel)
                sink = self._sinks.pop(channel, None)
                if sink is not None:
                    sink.close_nowait(code, reason)
            case says.Beat(is_healthy):
                self._is_healthy = is_healthy
            case says.Welcome():
                self._is_welcome.set()
            case says.Bye(reason):
                self.end(reason)

    def _deliver(self, channel: int, frame: OutFrame) -> None:
        sink = self._sinks.get(channel)
        if sink is None:
            return  # it has left; the leader will hear of it
        sink.send_nowait(frame)
        if sink.is_congested and channel not in self._slow:
            self._slow.add(channel)
            self._say(says.Slow(channel, is_slow=True))
            if self._looking is None:
                self._look_later()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(_LOOK, self._look)

    def _look(self) -> None:
        """Tell the leader which queues have drained."""
        self._looking = None
        for channel in list(self._slow):
            sink = self._sinks.get(channel)
            if sink is None or not sink.is_congested:
                self._slow.discard(channel)
                self._say(says.Slow(channel, is_slow=False))
        if self._slow:
            self._look_later()

    # ---- out

    def _say(self, message: says.Message) -> None:
        """Say something; a leader that does not read is given up."""
        if self.is_over.is_set():
            return
        try:
            self._line.put(message)
        except Unavailable as error:
            self.end(str(error))
        else:
            self._post.wake(self._line)

    def _connect(self, peer: Peer | None, sink: Sink) -> _Channel:
        if self.is_over.is_set():
            raise Unavailable("the server that leads has gone; try again")
        channel = next(self._channels)
        self._sinks[channel] = sink
        self._say(says.Opened(channel, peer))
        return _Channel(self, channel)

    def said(self, channel: int, frame: bytes | str) -> None:
        """A peer's frame; use ``Attached.receive``."""
        if channel in self._sinks:
            data = frame.encode() if isinstance(frame, str) else frame
            self._say(says.Said(channel, data))

    def left(self, channel: int) -> None:
        """A peer has gone; use ``Attached.close``."""
        if self._sinks.pop(channel, None) is not None:
            self._slow.discard(channel)
            self._say(says.Left(channel))

    # ---- doors

    @property
    def is_healthy(self) -> bool:
        """See ``Doors``."""
        return self._is_healthy and not self.is_over.is_set()

    def connect(self, peer: Peer, sink: Sink) -> _Channel:
        """See ``Doors``."""
        return self._connect(peer, sink)

    def connect_link(self, peer: Peer, sink: Sink) -> _Channel:
        """See ``Doors``."""
        del peer  # all kernels are the same one, until their hello
        return self._connect(None, sink)

    async def has_workflow(self, name: str, peer: Peer | None = None) -> bool:
        """See ``Doors``."""
        return await self._questions.ask(says.HasWorkflow(name, peer), bool)

    async def shared_peer(self, token: str) -> Peer:
        """See ``Doors``."""
        return await self._questions.ask(says.SharedPeer(token), Peer)

    async def kernels(self) -> dict[str, set[str]]:
        """See ``Doors``."""
        return await self._questions.ask(says.Kernels(), dict[str, set[str]])

    async def kernel_gone(
        self, kernel_id: str, reason: str, *, processes: Collection[str] | None = None
    ) -> None:
        """See ``Doors``."""
        named = None if processes is None else sorted(processes)
        await self._questions.ask(says.KernelGone(kernel_id, reason, named), None)

    async def probe(self) -> bool:
        """Whether the leader could write the log at its last beat."""
        return self.is_healthy

    async def figures(self) -> dict[str, Any]:
        """See ``Doors``."""
        return await self._questions.ask(says.Figures(), dict[str, Any])

    async def serve(self, route: Route, call: Call) -> Reply:
        """See ``Doors``."""
        number, answer = await self._questions.ask_numbered(
            await _request(route, call), says.Answered
        )
        if answer.body is not None:
            return Reply(answer.status, answer.headers, answer.body)
        guest = None
        if not isinstance(call.caller, LinkCaller):
            guest = Guest(peer=await call.peer(), caller=call.caller)
        body = FarBody(self._host, self._questions, number, guest)
        return Reply(answer.status, answer.headers, body, cut=body.cut)


class _Channel:
    """One connection; see ``doors.Attached``."""

    def __init__(self, doors: FarDoors, number: int) -> None:
        self._doors = doors
        self._number = number

    def receive(self, frame: bytes | str) -> None:
        """See ``Attached``."""
        self._doors.said(self._number, frame)

    def close(self) -> None:
        """See ``Attached``."""
        self._doors.left(self._number)


async def _request(route: Route, call: Call) -> says.Requested:
    """A request with who asks, and what he may."""
    caller = call.caller
    identity: Identity | None = None
    grants: list[tuple[str, str]] = []
    link = caller.peer if isinstance(caller, LinkCaller) else None
    if link is None:
        identity = await caller.identity()
        grants = await _grants(caller)
    return says.Requested(
        method=route.method,
        template=route.template,
        identity=identity,
        grants=grants,
        link=link,
        args=list(call.args),
        query=dict(call.query),
        headers=_without_credentials(call),
        body=call.body,
        base_url=call.base_url,
        origin=call.origin,
    )


async def _grants(caller: Caller) -> list[tuple[str, str]]:
    return [
        (action, resource)
        for action, resource in _PERMISSIONS
        if await caller.may(action, resource)
    ]


def _without_credentials(call: Call) -> dict[str, str]:
    """What the calls read of the headers: no token and no cookie travels."""
    hidden = ("authorization", "cookie", "proxy-authorization")
    return {name: text for name, text in call.headers.items() if name not in hidden}
