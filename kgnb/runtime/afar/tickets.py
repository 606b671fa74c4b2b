"""What a call takes along to another process, to be heard at home."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from kgnb.graph.context import NodeVisit, current_context
from kgnb.runtime.afar import reports
from kgnb.runtime.afar.away import AwayContext
from kgnb.runtime.afar.outbox import Outbox
from kgnb.runtime.afar.posts import DaskPost, NoPost, Post, SocketPost, posts
from kgnb.runtime.capture import capturing

if TYPE_CHECKING:
    from collections.abc import Iterator


class AtSocket(msgspec.Struct, frozen=True, tag=True):
    """A kernel on this machine."""

    port: int
    secret: bytes

    def post(self) -> Post:
        """The way there, from this process."""
        return posts.get(self, lambda: SocketPost(self.port, self.secret))


class AtTopic(msgspec.Struct, frozen=True, tag=True):
    """The client of a Dask scheduler, by the topic that it listens to."""

    topic: str

    def post(self) -> Post:
        """The way there, from this worker; to be called in one of its tasks."""
        import distributed  # noqa: PLC0415 - only Dask's workers have it

        worker = distributed.get_worker()
        key = (self.topic, worker.address)
        return posts.get(key, lambda: DaskPost(worker, self.topic))


class Nowhere(msgspec.Struct, frozen=True, tag=True):
    """No way is known but the outcome's."""

    def post(self) -> Post:
        """One that sends nothing."""
        return NoPost()


Address = AtSocket | AtTopic | Nowhere


class Ticket(msgspec.Struct, frozen=True):
    """See ``kgnb.graph.context.Ticket``."""

    visit: NodeVisit
    line: str
    address: Address
    run_id: str

    @contextlib.contextmanager
    def presented(self) -> Iterator[Told]:
        """See ``kgnb.graph.context.Ticket.presented``."""
        post = self.address.post()
        item = None if self.visit.item is None else str(self.visit.item)
        outbox = Outbox(self.line, item, lambda: post.collect(outbox))
        context = AwayContext(self, outbox, post)
        told = Told()
        post.collect(outbox)  # what goes on for a while tells that it has begun
        token = current_context.set(context)
        try:
            with capturing():
                yield told
        finally:
            current_context.reset(token)
            context.close()
            told.rest = reports.encode([outbox.close()])
            post.forget(outbox)


class Told:
    """See ``kgnb.graph.context.Told``."""

    rest: bytes = b""
