"""The broker in an ASGI application: FastAPI, Starlette, or by itself.

Process: the application's server, and the workflows that it publishes. Loop: the
server's; nothing here blocks it, and no node runs on it.

    import kgnb
    from kgnb.server.asgi import create_app

    kgnb.publish("article", graph)
    app = create_app(auth=verify_token)      # uvicorn main:app

``app`` routes; ``service`` starts and stops the broker; ``sockets``, ``wire`` and
``http`` serve; ``auth`` finds out who asks; ``config`` reads what was configured. No
web framework is imported: an application of any can mount this one.
"""

from kgnb.server.asgi.app import App, create_app
from kgnb.server.asgi.auth import User

__all__ = ["App", "User", "create_app"]
