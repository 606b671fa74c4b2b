"""``python -m kgnb.llm setup``, where the command ``kgnb`` is not on the path."""

import sys

from kgnb.llm.commands import run

sys.exit(run())
