"""Virtual time, for the deadlines of approvals."""

from __future__ import annotations

from kgnb.runtime import home


class Clock:
    """Sets the time forward of the logs that this process keeps itself.

    Deadlines of open approvals are counted by it; it needs no real waiting:

        run = kgnb.run(graph)          # asks with timeout=300, on_timeout="revise"
        ...                            # until run.status == "waiting"
        Clock().advance(300)
        run.result()

    Nothing else is virtual: sleeps, time-outs of nodes and of runs take their time.
    It holds for every run of the process, and time is not turned back afterwards. A
    run whose log a server keeps is not touched. May be used from any thread.

    To let one deadline pass without any clock, answer with ``TIME_OUT``.
    """

    def __init__(self) -> None:
        self.advanced = 0.0
        """Seconds by which this clock has set the time forward."""

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once; deadlines are seen within 0.2 s.

        Raises:
            ValueError: ``seconds`` is below 0.
        """
        home.current().clock.advance(seconds)
        self.advanced += seconds
