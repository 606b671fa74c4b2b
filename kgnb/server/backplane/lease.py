"""Who leads, and who is there at all: keys in Redis that their holders renew.

The lease says who may open the log. It need not be exact: the log itself refuses what
an older opener writes, so two that think they lead for a moment do no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    Client = Any
    """A ``redis.Redis``, whose annotations do not know what its options make of it."""

LEASE = 3.0
"""Seconds that the lead lasts unless it is renewed."""
BEAT = 1.0
"""Seconds between renewals."""
PRESENCE = 8.0
"""Seconds after which a server that does not show itself is taken for dead."""

_RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0
"""


class Leases:
    """The lead and the presence of one server; raises what redis-py raises.

    Args:
        client: Connected to Redis.
        prefix: Of all keys.
        me: The server.
    """

    def __init__(self, client: Client, prefix: str, me: str) -> None:
        self._redis = client
        self._lead = f"{prefix}leader"
        self._prefix = prefix
        self._me = me

    def _server(self, server: str) -> str:
        return f"{self._prefix}server:{server}"

    async def take(self) -> str | None:
        """Lead, if nobody does; who leads now, or None while that is changing."""
        milliseconds = int(LEASE * 1000)
        if await self._redis.set(self._lead, self._me, nx=True, px=milliseconds):
            return self._me
        return await self.leader()

    async def leader(self) -> str | None:
        """Who leads."""
        found = await self._redis.get(self._lead)
        return None if found is None else found.decode()

    async def renew(self) -> bool:
        """Go on leading; False where somebody else does."""
        milliseconds = int(LEASE * 1000)
        done = await self._redis.eval(_RENEW, 1, self._lead, self._me, milliseconds)
        return bool(done)

    async def release(self) -> None:
        """Let another lead."""
        await self._redis.eval(_RELEASE, 1, self._lead, self._me)

    async def show(self) -> None:
        """Be there, for another while."""
        await self._redis.set(self._server(self._me), b"", px=int(PRESENCE * 1000))

    async def hide(self) -> None:
        """Be there no longer."""
        await self._redis.delete(self._server(self._me))

    async def absent(self, servers: Collection[str]) -> set[str]:
        """Those of some servers that are not there."""
        asked = sorted(servers)
        if not asked:
            return set()
        found = await self._redis.mget([self._server(server) for server in asked])
        return {
            server for server, value in zip(asked, found, strict=True) if value is None
        }
