"""What the user's objects hold, all the way down, before and after a run."""


def snapshot(thing, seen=None):
    """All that can be reached from ``thing``, as plain values, loops cut."""
    seen = {} if seen is None else seen
    if id(thing) in seen:
        return f"seen {seen[id(thing)]}"
    if isinstance(thing, dict):
        seen[id(thing)] = len(seen)
        items = ((repr(key), snapshot(value, seen)) for key, value in thing.items())
        return ("dict", id(thing), tuple(items))
    if isinstance(thing, list | tuple | set):
        seen[id(thing)] = len(seen)
        return (type(thing).__name__, tuple(snapshot(each, seen) for each in thing))
    if (
        hasattr(thing, "__dict__")
        and not isinstance(thing, type)
        and not callable(thing)
    ):
        seen[id(thing)] = len(seen)
        return (type(thing), id(thing), snapshot(vars(thing), seen))
    return (id(thing), repr(thing))
