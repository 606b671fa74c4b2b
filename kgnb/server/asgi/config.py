"""What an application may configure: the documents' WEBSOCKET_CONFIG, and our own."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from kgnb.broker.limits import DAY, BrokerLimits
from kgnb.errors import InvalidValue
from kgnb.protocol import Limits
from kgnb.server import access, addresses
from kgnb.server.backplane import joining
from kgnb.server.host import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]

_SHUTDOWN = 5
"""Seconds that uvicorn waits for connections which do not read."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, with the documents' defaults. Times are in seconds."""

    max_connections: _Positive = 1000
    max_connections_per_identity: _Positive = 100
    ping_interval: _Seconds = 30.0
    ping_timeout: _Seconds = 10.0
    max_message_size: Annotated[int, msgspec.Meta(ge=1024)] = 1024 * 1024
    """Bytes."""
    compression: Literal["deflate", "none"] | None = "deflate"
    origins: tuple[str, ...] = ()
    """Whose pages may connect, besides the application's own."""
    recheck_interval: Annotated[float, msgspec.Meta(gt=0, le=60)] = 30.0
    """After which ``auth`` is asked again about those who are connected."""
    rate_limit_messages: _Positive = 100
    rate_limit_window: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    memory_limit: _Positive | None = None
    """Bytes of the process, on Linux, past which no more sockets are let in."""
    groups_open: tuple[str, ...] = ()
    offline_queue: _Positive = 1000
    offline_ttl: _Seconds = 86_400.0
    retention_days: Annotated[float, msgspec.Meta(ge=0)] = 30.0
    """Days for which finished runs and the audit are kept; 0: for ever."""
    log_url: str = ""
    """Empty: a file of this user and working directory."""
    session_url: str = ""
    """Where the messages of sessions are kept; empty, or the same: with the runs."""
    backplane_url: str = ""
    """Redis that joins several servers with one ``log_url``; empty: it is alone."""
    share_link_max_ttl: Annotated[float, msgspec.Meta(ge=1)] = 86_400.0
    """Seconds for which a share link may hold, at most."""
    public_url: str | None = None
    """Where people reach the application: share links begin with it."""

    def settings(self, root: str) -> Settings:
        """As the sockets and calls read them."""
        return Settings(
            max_connections=self.max_connections,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            max_message_size=self.max_message_size,
            compression=self.compression or "none",
            recheck_interval=self.recheck_interval,
            allow_origins=self.origins,
            link_secret=access.derive_link_secret(root),
            public_url=addresses.with_slash(self.public_url),
        )

    def limits(self) -> BrokerLimits:
        """As the broker reads them."""
        return BrokerLimits(
            max_connections=self.max_connections,
            max_connections_per_identity=self.max_connections_per_identity,
            frame=Limits(max_size=self.max_message_size),
            memory_limit=self.memory_limit,
            rate_limit_messages=self.rate_limit_messages,
            rate_limit_window=self.rate_limit_window,
            groups_open=self.groups_open,
            offline_queue=self.offline_queue,
            offline_ttl=self.offline_ttl,
            share_ttl=self.share_link_max_ttl,
            retention=self.retention_days * DAY,
        )

    def uvicorn_options(self) -> dict[str, Any]:
        """What only the server can do, as arguments of ``uvicorn.run``.

        Pings, the size of a frame before it is in memory, compression, and how long
        the stop waits for peers that do not read.
        """
        return {
            "ws_ping_interval": self.ping_interval or None,
            "ws_ping_timeout": self.ping_timeout or None,
            "ws_max_size": self.max_message_size,
            "ws_per_message_deflate": self.compression == "deflate",
            "timeout_graceful_shutdown": _SHUTDOWN,
        }


_ALSO = {"allow_origins": "origins"}
"""Our word for one of the documents'."""


def read_config(given: Mapping[str, Any] | None, **more: Any) -> Config:
    """Judge a configuration.

    Args:
        given: The documents' ``WEBSOCKET_CONFIG``, or None for the defaults.
        more: Arguments that win over it; None counts as not given.

    Raises:
        InvalidValue: A key is unknown, or a value is not what it should be.
    """
    told = {**(given or {}), **{k: v for k, v in more.items() if v is not None}}
    named: dict[str, Any] = {}
    for key, value in told.items():
        name = _ALSO.get(key, key)
        if name not in Config.__struct_fields__:
            near = difflib.get_close_matches(str(key), Config.__struct_fields__, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            listed = ", ".join(Config.__struct_fields__)
            raise InvalidValue(f"config: unknown key {key!r}{hint} (known: {listed})")
        named[name] = value
    if isinstance(named.get("origins"), str):
        raise InvalidValue(
            f"config: origins={named['origins']!r}: expected a list of origins"
        )
    try:
        config = msgspec.convert(named, Config)
    except msgspec.ValidationError as error:
        text = str(error).replace("`$.", "`")
        raise InvalidValue(f"config: {text}") from None
    joining.check(config.backplane_url, config.log_url, config.session_url)
    return config
