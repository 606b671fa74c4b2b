"""The Jupyter host of the broker: a server extension, on when installed.

Process: server. Loop: Jupyter's tornado loop; nothing here blocks it.

``app`` wires and stops; ``handlers`` and ``http`` are the routes; ``sockets``,
``sendqueue`` and ``keepalive`` are what every socket does; ``kernels`` tells the
broker which kernels have died. The rest knows no tornado: ``calls`` are the HTTP calls,
``entrance`` judges who may open a socket, ``beginning`` starts the broker. ``asgi`` is
the other host.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter Server loads."""
    from kgnb.server.app import KgnbApp  # noqa: PLC0415  # tornado only when served

    return [{"module": "kgnb.server", "app": KgnbApp}]
