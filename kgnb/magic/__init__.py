"""``%kgnb``: runs and open questions from a cell, or at IPython's prompt.

It knows this kernel's runs, and by HTTP those of the server that started the kernel.

Process: kernel. Loop: none; each call blocks, for a few seconds at most.
"""

from kgnb.magic.desk import HELP, register

__all__ = ["HELP", "register"]
