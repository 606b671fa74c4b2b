"""The leader answers its followers' questions: requests over HTTP among them.

Each question is a task. The answer to a request whose reply is a stream is the reply's
head; its chunks are questions of their own, so no more of it is under way than what the
reader at the follower has asked for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import BadFrame, KgnbError, Unavailable
from kgnb.server.backplane import messages as says
from kgnb.server.calls.call import Call
from kgnb.server.calls.table import ROUTES
from kgnb.server.links import LinkCaller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kgnb.broker.peer import Identity
    from kgnb.server.calls.call import Caller, Reply, Stream
    from kgnb.server.doors import Doors
    from kgnb.server.host import Host

logger = logging.getLogger("kgnb.server")

_ROUTES = {(route.method, route.template): route for route in ROUTES}


class FarCaller:
    """Who asks, as a follower has found out; see ``calls.call.Caller``."""

    def __init__(
        self, identity: Identity | None, grants: list[tuple[str, str]]
    ) -> None:
        self._identity = identity
        self._grants = grants

    async def identity(self) -> Identity | None:
        """The person or token."""
        return self._identity

    async def may(self, action: str, resource: str) -> bool:
        """Whether the follower's authorizer allows it."""
        return (action, resource) in self._grants

    def again(self) -> None:
        """None: the follower, who knows the credential, asks."""


class Answering:
    """Answers one follower. Belongs to the leader's loop.

    Args:
        host: The leader's.
        doors: To its broker, as the follower's.
        say: Says the answer.
    """

    def __init__(
        self,
        host: Host,
        doors: Doors,
        say: Callable[[says.Message], None],
    ) -> None:
        self._host = host
        self._doors = doors
        self._say = say
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: dict[int, _Reading] = {}

    def ask(self, number: int, question: says.Question) -> None:
        """Begin to answer."""
        task = asyncio.get_running_loop().create_task(
            self._answer(number, question), name="kgnb-answer"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Answer nothing more."""
        for task in self._tasks:
            task.cancel()

    async def aclose(self) -> None:
        """End; safe to call twice."""
        self.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        streams, self._streams = self._streams, {}
        for reading in streams.values():
            await reading.aclose()

    async def _answer(self, number: int, question: says.Question) -> None:
        try:
            answer = await self._find(number, question)
            encoded = msgspec.Raw(msgspec.msgpack.encode(answer))
        except KgnbError as error:
            data = msgspec.to_builtins(error.data, enc_hook=repr)
            self._say(says.Refused(number, error.code, str(error), data))
        except Exception:
            # The root of a question's work: the asker learns no details.
            logger.exception("backplane: a question ran into an error")
            self._say(says.Refused(number, "internal", "internal error", {}))
        else:
            self._say(says.Told(number, encoded))

    async def _find(self, number: int, question: says.Question) -> Any:
        answer: Any = None
        match question:
            case says.HasWorkflow(name, peer):
                answer = await self._doors.has_workflow(name, peer)
            case says.SharedPeer(token):
                answer = await self._doors.shared_peer(token)
            case says.Kernels():
                answer = await self._doors.kernels()
            case says.KernelGone(kernel_id, reason, processes):
                await self._doors.kernel_gone(kernel_id, reason, processes=processes)
            case says.Figures():
                answer = await self._doors.figures()
            case says.Requested():
                answer = await self._reply(number, question)
            case says.Pull(stream):
                answer = await self._pull(stream)
            case says.Dropped(stream):
                await self._drop(stream)
        return answer

    # ---- requests

    async def _reply(self, number: int, asked: says.Requested) -> says.Answered:
        route = _ROUTES.get((asked.method, asked.template))
        if route is None:
            raise BadFrame("backplane: a request that this server does not know")
        caller: Caller = FarCaller(asked.identity, asked.grants)
        if asked.link is not None:
            caller = LinkCaller(asked.link)
        call = Call(
            host=self._host,
            caller=caller,
            method=asked.method,
            args=tuple(asked.args),
            query=asked.query,
            headers=asked.headers,
            body=asked.body,
            base_url=asked.base_url,
            origin=asked.origin,
        )
        reply = await self._doors.serve(route, call)
        body: bytes | None = None
        if isinstance(reply.body, bytes):
            body = reply.body
        else:
            self._streams[number] = _Reading(reply, reply.body)
        return says.Answered(reply.status, reply.headers, body)

    async def _pull(self, stream: int) -> bytes | None:
        reading = self._streams.get(stream)
        if reading is None:
            raise Unavailable("backplane: this stream is over")
        try:
            chunk = await reading.next()
        except BaseException:
            await self._drop(stream)
            raise
        if chunk is None:
            await self._drop(stream)
        return chunk

    async def _drop(self, stream: int) -> None:
        reading = self._streams.pop(stream, None)
        if reading is not None:
            await reading.aclose()


class _Reading:
    """A stream that is being read from afar."""

    def __init__(self, reply: Reply, stream: Stream) -> None:
        self._cut = reply.cut
        self._stream = stream
        self._chunks: AsyncIterator[bytes] = aiter(stream)

    async def next(self) -> bytes | None:
        """The next chunk; None at the end.

        Raises:
            Unavailable: The reader was cut off.
        """
        waiting = asyncio.ensure_future(self._chunk())
        ends = [] if self._cut is None else [asyncio.ensure_future(self._cut.wait())]
        try:
            await asyncio.wait((waiting, *ends), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            raise Unavailable("this reader was cut off")
        finally:
            for task in (waiting, *ends):
                task.cancel()
            await asyncio.gather(waiting, *ends, return_exceptions=True)

    async def _chunk(self) -> bytes | None:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            return None

    async def aclose(self) -> None:
        """The reader has gone, or has all."""
        await self._stream.aclose()
