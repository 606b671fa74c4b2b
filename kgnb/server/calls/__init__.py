"""The HTTP calls, written once for every host.

Process: server. Loop: the host's.

No web framework in here: a host (Jupyter's tornado, an ASGI application) makes a
:class:`~kgnb.server.calls.call.Call` of a request, lets ``serve`` judge and run
it, and sends the :class:`~kgnb.server.calls.call.Reply`. Which paths there are
stands in one table, :data:`~kgnb.server.calls.table.ROUTES`.
"""
