"""What travels: events, commands, their codec, and the fold "events → RunView".

Process: kernel, server and clients alike. Loop: none; no I/O and no clock.

``README.md`` beside this file is the wire contract for people who write a
client; the structs here are the same contract for Python.
"""

from kgnb.protocol.codec import (
    Limits,
    decode_command,
    decode_event,
    decode_frame,
    encode,
    with_seq,
)
from kgnb.protocol.ids import (
    ApprovalId,
    ArgsHash,
    NodeId,
    RunId,
    StreamId,
    TaskId,
    Topic,
)
from kgnb.protocol.view import RunView, fold

__all__ = [
    "ApprovalId",
    "ArgsHash",
    "Limits",
    "NodeId",
    "RunId",
    "RunView",
    "StreamId",
    "TaskId",
    "Topic",
    "decode_command",
    "decode_event",
    "decode_frame",
    "encode",
    "fold",
    "with_seq",
]
