"""The rules that every machine has: what befalls the log, the clock, and the server."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

WAITS = [0.1, 2.0, 2.0, 15.0, 70.0, 4_000.0]
"""Seconds; a process's own clock is set by nobody."""
JUMPS = [0.0, 0.0, 30.0, 86_400.0, -30.0, -7_200.0]
"""Seconds by which somebody set the machine's, of which a new process learns."""


class Faults(RuleBasedStateMachine):
    """Needs ``world``, ``kernels`` and ``people`` from an ``initialize``, and
    two methods."""

    world = None
    kernels = people = ()
    furthest_back = min(JUMPS)

    @rule(
        what=st.sampled_from(["works", "works", "stores", "tells", "reads", "fails"]),
        count=st.integers(1, 8),
    )
    def log_does(self, what, count):
        """Its word may come later than its work, and a page sooner or later."""
        match what:
            case "works":
                self.world.store(count)
                self.world.tell(count)
                self.world.read(count)
            case "stores":
                self.world.store(count)
            case "tells":
                self.world.tell(count)
            case "reads":
                self.world.read(count)
            case "fails":
                self.world.refuse()
                self.world.read(is_failing=True)

    @rule(is_stored=st.booleans())
    def log_falls_silent(self, is_stored):
        if not self.world.untold:
            (self.world.store if is_stored else self.world.refuse)()
        self.world.fall_silent()

    @rule(seconds=st.sampled_from(WAITS))
    def time_passes(self, seconds):
        self.world.tick(seconds)

    @rule()
    def all_goes_well(self):
        self.all_are_there()
        self.world.work()
        self.check()
        self.read_all()
        self.world.work()

    def all_are_there(self):
        for kernel in self.kernels:
            if kernel.link is None:
                kernel.dial()
        for person in self.people:
            if person.socket is None:
                person.come_back()

    def read_all(self):
        for person in self.people:
            person.read()

    @rule(jump=st.sampled_from(JUMPS))
    def server_is_killed_and_restarted(self, jump):
        self.world.now += max(jump, self.furthest_back)
        self.world.restart()
        self.restarted()

    @invariant()
    def what_holds_at_all_times(self):
        if self.world is not None:
            self.world.check_bounds()
            self.check()

    def restarted(self):
        """Every connection is gone; what was in a socket's queue is, too."""

    def check(self):
        """What holds between any two steps."""
