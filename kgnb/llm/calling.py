"""One request to an OpenAI-compatible server: the standard library's HTTP client.

No client library is needed for it, and its socket is at hand: to shut that down is the
one way to wake, at once and from any thread, whoever waits in it for the next token or
for the first. tornado's client offers no such thing for a response that is under way.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kgnb.errors import Forbidden, InvalidValue, StreamBroken, Unauthorized, Unavailable
from kgnb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kgnb.errors import KgnbError

_OK = 200
_CONNECTING = 10.0
"""Seconds."""
_SILENCE = 300.0
"""Seconds without a byte, after which a server is given up; a large model on a small
machine reads a long prompt for minutes."""
_ANSWER = 16 * 2**20
"""Bytes that are read of an answer that is no stream."""
_TOLD = 500
"""Characters of what a server says that are passed on."""
_LINE = 2**20
"""Bytes of one line of a stream."""
_END = b"[DONE]"


class Call:
    """One request and its answer; for one thread, but for ``let_go``.

    Args:
        base_url: Of the server, with its ``/v1``.
        api_key: Sent as bearer token, if there is one.
    """

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._base_url = base_url
        address = urlsplit(base_url)
        self._path = address.path.rstrip("/")
        self._headers = {
            "User-Agent": f"kgnb/{__version__}",
            "Content-Type": "application/json",
        }
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        host = address.hostname or ""
        if address.scheme == "https":
            context = ssl.create_default_context()
            self._http: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, address.port, timeout=_CONNECTING, context=context
            )
        else:
            self._http = http.client.HTTPConnection(
                host, address.port, timeout=_CONNECTING
            )
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None
        self._is_let_go = False

    def let_go(self) -> None:
        """End it, from any thread: whoever reads it wakes, and finds its end."""
        self._is_let_go = True
        if self._socket is not None:
            # Closing a socket wakes nobody who waits in it, shutting it down does.
            with contextlib.suppress(OSError):  # closed meanwhile
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back; on the thread that reads."""
        if self._response is not None:
            self._response.close()
        self._http.close()

    def get(self, path: str) -> Any:
        """The JSON at a path.

        Raises:
            KgnbError: There is none; the text says what came.
        """
        response = self._ask("GET", path, None)
        try:
            return json.loads(response.read(_ANSWER))
        except (ValueError, OSError, http.client.HTTPException) as error:
            raise self._unfit(f"sent no JSON for {path}: {error}") from None

    def stream(self, body: Mapping[str, Any]) -> Tokens:
        """Ask for a chat completion, and get its text as it comes.

        Raises:
            KgnbError: The server refuses; the text is its own.
        """
        sent = json.dumps({**body, "stream": True}).encode()
        response = self._ask("POST", "/chat/completions", sent)
        kind = response.headers.get_content_type()
        if kind != "text/event-stream":
            raise self._unfit(f"sent {kind} in the place of a stream")
        return Tokens(self, response)

    def _ask(
        self, method: str, path: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        try:
            self._http.connect()
            self._socket = connected = self._http.sock
            if connected is not None:  # which it is, by now
                connected.settimeout(_SILENCE)
            if self._is_let_go:
                self.let_go()
            self._http.request(method, self._path + path, body, self._headers)
            self._response = response = self._http.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"no answer from {self._base_url} ({error or type(error).__name__}); "
                f"is its server running? KGNB_LLM=recorded needs none"
            ) from None
        if response.status != _OK:
            raise self._refused(response)
        return response

    def _refused(self, response: http.client.HTTPResponse) -> KgnbError:
        said = ""
        with contextlib.suppress(OSError, http.client.HTTPException):
            said = _said(response.read(_ANSWER))
        told = f"{self._base_url} answers {response.status}: {said or response.reason}"
        match response.status:
            case 401:
                return Unauthorized(f"{told}; its key goes into KGNB_LLM_KEY")
            case 403:
                return Forbidden(told)
            case 404:
                return InvalidValue(
                    f"{told}; KGNB_LLM is the address up to /v1, and KGNB_LLM_MODEL "
                    f"one of its models"
                )
            case status if status < http.client.INTERNAL_SERVER_ERROR:
                return InvalidValue(told)
        return Unavailable(told)

    def _unfit(self, what: str) -> InvalidValue:
        return InvalidValue(
            f"{self._base_url} {what}; it should be the address of an "
            f"OpenAI-compatible server, up to /v1"
        )


class Tokens:
    """The pieces of a text: an iterator, for one thread; made by ``Call.stream``."""

    def __init__(self, call: Call, response: http.client.HTTPResponse) -> None:
        self._call = call
        self._response = response

    def __iter__(self) -> Tokens:
        return self

    def __next__(self) -> str:
        while True:
            data = self._data()
            if data == _END:
                raise StopIteration
            piece = self._piece(data)
            if piece:
                return piece

    def _data(self) -> bytes:
        """What the next event says."""
        while True:
            try:
                line = self._response.readline(_LINE)
            except (OSError, ValueError, http.client.HTTPException) as error:
                raise StreamBroken(
                    f"the model's server broke off in mid-stream: {error}"
                ) from None
            if not line:
                raise StreamBroken("the model's server broke off in mid-stream")
            name, _, value = line.partition(b":")
            if name == b"data":
                return value.strip()

    def _piece(self, data: bytes) -> str:
        try:
            event = json.loads(data)
            if error := event.get("error"):
                raise StreamBroken(
                    f"the model's server gave up in mid-stream: {_message(error)}"
                )
            choices = event["choices"]
            return str(choices[0]["delta"].get("content") or "") if choices else ""
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StreamBroken(
                f"the model's server sent no chunk of a chat: {data[:_TOLD]!r}"
            ) from None


def _said(body: bytes) -> str:
    """The text of an error in OpenAI's shape, or what came in its place."""
    try:
        return _message(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:_TOLD].decode(errors="replace").strip()


def _message(error: Any) -> str:
    told = error.get("message") if isinstance(error, dict) else error
    return str(told or error)[:_TOLD]
