"""The leader's end: what followers carry is connected to its broker, like its own.

Nothing that a follower says is believed but who somebody is and what he may: that, the
follower has judged, and its seal vouches for it. Frames, requests and share links are
judged here, as those of this server's own clients are.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kgnb.broker.peer import KERNEL
from kgnb.errors import Unavailable
from kgnb.server.backplane import messages as says
from kgnb.server.backplane.answering import Answering
from kgnb.server.backplane.line import Line
from kgnb.server.doors import OwnDoors

if TYPE_CHECKING:
    from kgnb.broker.driver import BrokerDriver
    from kgnb.broker.peer import Attached, OutFrame, Peer
    from kgnb.server.backplane.post import Post
    from kgnb.server.host import Host

logger = logging.getLogger("kgnb.server")

SILENCE = 4.0
"""Seconds without a word after which the other side is given up."""


class Leading:
    """All followers of this server. Belongs to its loop.

    Args:
        host: Whose broker it is.
        driver: That broker's.
        post: Carries what is said.
        me: This server.
    """

    def __init__(self, host: Host, driver: BrokerDriver, post: Post, me: str) -> None:
        self._host = host
        self._driver = driver
        self._post = post
        self._me = me
        self._followers: dict[str, Follower] = {}
        """By session."""

    @property
    def followers(self) -> int:
        """How many there are."""
        return len(self._followers)

    def take(self, envelope: says.Envelope, size: int) -> None:
        """An envelope that came for this server."""
        found = self._followers.get(envelope.session) or self._begin(envelope)
        if found is None:
            return  # what is late, of a session that is over
        try:
            for message in found.line.receive(envelope, size):
                found.hear(message)
        except Unavailable as error:
            logger.warning("%s; its connections come back", error)
            found.end(str(error))
        except Exception:
            # The root of an envelope's work: what came of it nobody knows.
            logger.exception("backplane: an envelope ran into an error")
            found.end("an internal error")
        if not found.line.is_open:
            self._followers.pop(envelope.session, None)
        elif found.line.has_news:
            self._post.wake(found.line)

    def _begin(self, envelope: says.Envelope) -> Follower | None:
        first = envelope.messages[0] if envelope.messages else None
        if envelope.number != 1 or not isinstance(first, says.Hello):
            return None
        line = Line(self._me, envelope.sender, envelope.session)
        follower = Follower(self._host, self._driver, line, self._post)
        self._followers[envelope.session] = follower
        return follower

    def beat(self) -> None:
        """Once a second: show life, and give up whoever shows none."""
        for session, follower in list(self._followers.items()):
            follower.beat()
            if not follower.line.is_open:
                del self._followers[session]

    async def aclose(self) -> None:
        """Let all go; safe to call twice."""
        followers, self._followers = self._followers, {}
        for follower in followers.values():
            follower.end("the leader stops")
        for follower in followers.values():
            await follower.aclose()


class Follower:
    """One follower, as its leader sees it.

    Args:
        host: The leader's.
        driver: The broker's.
        line: To the follower.
        post: Carries what is said.
    """

    def __init__(
        self, host: Host, driver: BrokerDriver, line: Line, post: Post
    ) -> None:
        self.line = line
        self._driver = driver
        self._doors = OwnDoors(driver, line.other)
        self._post = post
        self._sinks: dict[int, _Sink] = {}
        self._answering = Answering(host, self._doors, self.say)
        self._heard_at = asyncio.get_running_loop().time()

    # ---- in

    def hear(self, message: says.Message) -> None:
        """One thing that the follower says.

        Raises:
            Unavailable: It goes no further.
        """
        self._heard_at = asyncio.get_running_loop().time()
        match message:
            case says.Said(channel, frame):
                sink = self._sinks.get(channel)
                if sink is not None and sink.attachment is not None:
                    sink.attachment.receive(frame)
            case says.Opened(channel, peer):
                self._open(channel, peer)
            case says.Left(channel):
                self._close(channel)
            case says.Slow(channel, is_slow):
                if channel in self._sinks:
                    self._sinks[channel].is_slow = is_slow
            case says.Asked(number, question):
                self._answering.ask(number, question)
            case says.Hello(version):
                self._greet(version)
            case says.Bye():
                self.end("the follower stops")

    def _greet(self, version: int) -> None:
        if version == says.VERSION:
            self.say(says.Welcome())
            return
        logger.error(
            "backplane: server %s speaks version %d, this one %d; run the same kgnb"
            " everywhere",
            self.line.other,
            version,
            says.VERSION,
        )
        self.end("another version of kgnb")

    def _open(self, channel: int, peer: Peer | None) -> None:
        if channel in self._sinks:
            raise Unavailable("backplane: a channel was opened twice")
        sink = self._sinks[channel] = _Sink(self, channel)
        if peer is None:
            attached = self._doors.connect_link(KERNEL, sink)
        elif peer.role == "owner" or peer.identity.kind == "kernel":
            raise Unavailable("backplane: a client that says it is a kernel")
        else:
            attached = self._doors.connect(peer, sink)
        if channel in self._sinks:
            sink.attachment = attached

    def _close(self, channel: int) -> None:
        sink = self._sinks.pop(channel, None)
        if sink is not None and sink.attachment is not None:
            sink.attachment.close()

    # ---- out

    def say(self, message: says.Message) -> None:
        """Say something; a follower that does not read is given up."""
        try:
            self.line.put(message)
        except Unavailable as error:
            self.end(str(error))
            return
        self._post.wake(self.line)

    def send(self, channel: int, frame: OutFrame) -> None:
        """Send one connection a frame, in one message with others that get it too."""
        try:
            self.line.put_frame(channel, frame)
        except Unavailable as error:
            self.end(str(error))
            return
        self._post.wake(self.line)

    def closed(self, channel: int, code: int, reason: str) -> None:
        """The broker has closed a connection."""
        if self._sinks.pop(channel, None) is not None:
            self.say(says.Closed(channel, code, reason))

    def beat(self) -> None:
        """Show life; end if the follower shows none."""
        if asyncio.get_running_loop().time() - self._heard_at > SILENCE:
            self.end("a follower is silent")
        else:
            self.say(says.Beat(self._driver.is_healthy))

    def end(self, reason: str) -> None:
        """Its connections end here; the follower closes them. Safe to call twice."""
        if not self.line.is_open:
            return
        logger.info("backplane: server %s is let go: %s", self.line.other, reason)
        try:
            self.line.put(says.Bye(reason))
            self._post.wake(self.line)
        except Unavailable:
            pass  # it does not read; it will find out by our silence
        self.line.close()
        self._answering.stop()
        for channel in list(self._sinks):
            self._close(channel)

    async def aclose(self) -> None:
        """Wait until what was asked is over; after :meth:`end`."""
        await self._answering.aclose()


class _Sink:
    """A connection at the follower, as the broker sees it."""

    def __init__(self, follower: Follower, channel: int) -> None:
        self._follower = follower
        self._channel = channel
        self.attachment: Attached | None = None
        self.is_slow = False

    @property
    def is_congested(self) -> bool:
        """See ``broker.peer.Sink``."""
        return self.is_slow or self._follower.line.is_congested

    def send_nowait(self, frame: OutFrame) -> None:
        """See ``broker.peer.Sink``."""
        self._follower.send(self._channel, frame)

    def close_nowait(self, code: int, reason: str) -> None:
        """See ``broker.peer.Sink``."""
        self._follower.closed(self._channel, code, reason)
