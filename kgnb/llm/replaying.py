"""An OpenAI-compatible server that plays recordings: ``kgnb llm replay``.

Process: kernel, or the command's own. Loop: one of its own, on a thread of its own.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.web import Application, RequestHandler

from kgnb.errors import InvalidValue, Unavailable
from kgnb.llm.completions import Completion, label
from kgnb.llm.endpoints import Endpoint, Server
from kgnb.llm.shelf import shelf_of
from kgnb.runtime.cassette.playback import check_speed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from kgnb.llm.shelf import Shelf
    from kgnb.runtime.cassette import Recording

_LARGEST = 16 * 2**20
"""Bytes of a request."""
_TYPES = {401: "authentication_error", 404: "not_found_error"}


class ReplayServer(Server):
    """Plays recordings to OpenAI's clients, from a thread of its own, until closed.

    Any model may be asked for: what is matched are the messages, or the last of them.
    As a context manager it ends with its block.

    Args:
        paths: Recordings; by default those that come with kgnb.
        speed: 1.0 is the real timing, 0 waits for nothing.
        host: The address to listen on.
        port: 0: any that is free.
        api_key: What clients must know; by default it is random.

    Attributes:
        endpoint: How to reach it.
        models: Whose replies it has.
        prompts: What can be asked.

    Raises:
        InvalidValue: A file cannot be read or holds no replies; or the speed is none.
        Unavailable: The port is taken.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]] = (),
        *,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
    ) -> None:
        shelf, speed = shelf_of(paths), check_speed(speed)
        key = api_key or secrets.token_urlsafe(24)
        try:
            self._socket = _listening(host, port)
        except OSError as error:
            raise Unavailable(
                f"nothing can be served on {host}, port {port}: {error.strerror}"
            ) from None
        bound = self._socket.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        self.endpoint = Endpoint(f"http://{shown}:{bound}/v1", key, shelf.models[0])
        self.models, self.prompts = shelf.models, shelf.prompts
        given = {"shelf": shelf, "speed": speed, "key": key}
        self._application = Application(
            [
                (r"/v1/models", _Models, given),
                (r"/v1/chat/completions", _Completions, given),
            ],
            default_handler_class=_Nowhere,
            default_handler_args=given,
            log_function=lambda _: None,  # a miss is the client's error to tell
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._work, name="kgnb-llm-replay", daemon=True
        )
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End it: the port is closed, streams under way break off."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _work(self) -> None:
        """The thread's work: until ``close``."""
        asyncio.set_event_loop(self._loop)
        server = HTTPServer(self._application, max_body_size=_LARGEST)
        server.add_socket(self._socket)
        try:
            self._loop.run_forever()
        finally:
            server.stop()
            self._loop.run_until_complete(server.close_all_connections())
            self._loop.run_until_complete(_end_tasks())
            self._loop.close()
            asyncio.set_event_loop(None)

    def __repr__(self) -> str:
        return f"<replay of {self.endpoint.model} at {self.endpoint.base_url}>"


def _listening(host: str, port: int) -> socket.socket:
    # Not by tornado, which leaves a socket open whose port is taken.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    listening.setblocking(False)
    return listening


async def _end_tasks() -> None:
    """Have requests that wait for their next token end, and see to their end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Handler(RequestHandler):
    """What all addresses have in common: the key, and errors in OpenAI's shape."""

    def initialize(self, shelf: Shelf, speed: float, key: str) -> None:
        self.shelf = shelf
        self.speed = speed
        self._key = key

    def prepare(self) -> None:
        told = self.request.headers.get("Authorization", "")
        if not hmac.compare_digest(told.encode(), f"Bearer {self._key}".encode()):
            self.refuse(401, "the key is wrong: take the one that the server told")

    def refuse(self, status: int, message: str, code: str | None = None) -> None:
        """Answer with an error; its text is what the client raises."""
        kind = _TYPES.get(status, "invalid_request_error")
        error = {"message": message, "type": kind, "param": None, "code": code}
        self.set_status(status)
        self.finish({"error": error})

    def write_error(self, status_code: int, **_: Any) -> None:
        self.refuse(status_code, self._reason)


class _Nowhere(_Handler):
    def prepare(self) -> None:
        super().prepare()
        if not self._finished:
            self.refuse(
                404,
                f"{self.request.method} {self.request.path}: recordings are played "
                f"by POST /v1/chat/completions and listed by GET /v1/models",
            )


class _Models(_Handler):
    def get(self) -> None:
        """List whose replies there are."""
        self.finish(
            {
                "object": "list",
                "data": [
                    {
                        "id": each,
                        "object": "model",
                        "created": 0,
                        "owned_by": "recorded",
                    }
                    for each in self.shelf.models
                ],
            }
        )


class _Completions(_Handler):
    _playing: asyncio.Task[Any] | None = None

    async def post(self) -> None:
        """Play the reply to what is asked."""
        try:
            asked = _asked(self.request.body)
        except InvalidValue as error:
            self.refuse(400, str(error))
            return
        try:
            recording = self.shelf.find(asked["messages"])
        except InvalidValue as error:
            self.refuse(404, str(error), "no_such_recording")
            return
        answer_id = f"chatcmpl-{secrets.token_hex(12)}"
        completion = Completion(recording, answer_id, int(time.time()))
        self._playing = asyncio.current_task()
        try:
            await self._play(asked, recording, completion)
        except (StreamClosedError, asyncio.CancelledError):
            # The client has enough, or the server ends; this is the task's root, and
            # tornado would answer the one and log the other.
            self._finished = True

    def on_connection_close(self) -> None:
        """Wait for no token any more."""
        if self._playing is not None:
            self._playing.cancel()

    async def _play(
        self, asked: dict[str, Any], recording: Recording, completion: Completion
    ) -> None:
        self.set_header("X-Kgnb-Source", label(recording))
        began = time.monotonic()
        if not asked.get("stream"):
            await self._wait(began, completion.duration())
            await self.finish(completion.whole())
            return
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        options = asked.get("stream_options") or {}
        tells_usage = bool(options.get("include_usage"))
        for at, chunk in completion.chunks(tells_usage=tells_usage):
            await self._wait(began, at)
            self.write(_event(json.dumps(chunk)))
            await self.flush()
        await self.finish(_event("[DONE]"))

    async def _wait(self, began: float, at: float) -> None:
        due = began + at / self.speed if self.speed else began
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _event(data: str) -> str:
    return f"data: {data}\n\n"


def _asked(body: bytes) -> Any:
    """A request's body, as far as it is needed.

    Raises:
        InvalidValue: It is no request for a chat completion.
    """
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    messages = asked.get("messages") if isinstance(asked, dict) else None
    if not isinstance(messages, list) or not messages or not _are_objects(messages):
        raise InvalidValue(
            "expected a JSON object with messages: a list of objects with role and "
            "content"
        )
    return asked


def _are_objects(values: Iterable[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)
