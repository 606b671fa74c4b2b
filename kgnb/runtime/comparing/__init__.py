"""Two runs side by side: the ways they took, what they left, how long it took.

Process: kernel. Loop: none; whoever compares waits where a log must be read.
"""

from kgnb.runtime.comparing.comparison import Comparison, compare, verdict
from kgnb.runtime.comparing.paths import PathStep, Same, Visit, became, folded
from kgnb.runtime.comparing.timings import Timing, Timings
from kgnb.runtime.comparing.values import Difference

__all__ = [
    "Comparison",
    "Difference",
    "PathStep",
    "Same",
    "Timing",
    "Timings",
    "Visit",
    "became",
    "compare",
    "folded",
    "verdict",
]
