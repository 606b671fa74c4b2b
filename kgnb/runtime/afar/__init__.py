"""What a node's code says and hears of its run in another process.

A call of exec that goes to another process takes a ``Ticket`` along. There the ticket
becomes the current context, so that the helpers, prints and logs work; what they tell
is joined, sent home every now and then, and the last of it comes with the outcome: it
is all there before exec counts as done. Here a ``Line`` stands for the call, and tells
the run.

Three ways home: a socket for processes of this machine, Dask's events for its workers,
and for an executor that nobody knows the outcome alone.

Process: kernel (``lines``, ``rooms``, ``clusters``) and the executor's (``tickets``,
``away``, ``outbox``, ``posts``). Loop: ``kgnb-link``, or Dask's own.
"""
