"""How the link's socket is dialled; imported by who dials, for it costs a run time."""

from __future__ import annotations

from websockets.asyncio.client import connect


class Dial(connect):
    """Follows no redirect: the secret is for the server that was named."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Why there is no socket, whatever the server points to."""
        return exc
