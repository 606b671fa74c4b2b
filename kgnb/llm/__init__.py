"""Models for tutorials: recorded, a small one on this machine, or any server's.

``reply`` gives tokens, ``endpoint`` tells clients of your own where to ask, both as the
variable ``KGNB_LLM`` says (``setting``). ``replaying`` serves recordings as OpenAI's
API does; ``weights`` installs the small model, ``localserver`` runs it.

Process: kernel. Threads: one for each server, and one for each token that is waited
for by async code. No loop is blocked.
"""

from kgnb.llm.endpoints import Endpoint, close, endpoint
from kgnb.llm.localserver import LocalServer, local
from kgnb.llm.replies import Live, reply

__all__ = [
    "Endpoint",
    "Live",
    "LocalServer",
    "close",
    "endpoint",
    "local",
    "reply",
]
