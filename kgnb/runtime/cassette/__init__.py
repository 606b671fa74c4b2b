"""Recordings: whole runs, and models' replies, to be played again.

``format`` says how a file looks, ``redaction`` what never gets into one; ``recorder``
writes a run's, ``replaying`` shows it again by its ``script``; ``tapes`` records
models' replies and finds them by what was asked, ``playback`` plays one.

Process: kernel. Loop: ``kgnb-link`` tells the recorder; a thread of its own writes.
"""

from kgnb.runtime.cassette.format import Recording, load
from kgnb.runtime.cassette.opening import replay
from kgnb.runtime.cassette.playback import Playback, recorded
from kgnb.runtime.cassette.redaction import hide
from kgnb.runtime.cassette.replaying import Replay
from kgnb.runtime.cassette.tapes import Cassette

__all__ = [
    "Cassette",
    "Playback",
    "Recording",
    "Replay",
    "hide",
    "load",
    "recorded",
    "replay",
]
