"""One dict of a durable run, kept key by key: what of it is new since it was last told.

Whoever made a value goes on using it, so a change shows by its encoding alone. What
consists of plain types is told apart by ``marshal``, at the speed of C; it is written
by ``msgspec`` where that brings back the very same, else by ``Writer``, with types.
"""

from __future__ import annotations

import hashlib
import marshal
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.graph.checkpoint_values import TAG, Writer, class_path, read

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from kgnb.graph.records import Values

LARGEST = 8 * 1024 * 1024
"""Bytes of JSON that one checkpoint may add."""
_MARSHAL = 2
"""The last version that writes equal values equally: later ones tell references."""
_TRIES = 5
"""A value may be changed by a parallel node while it is written."""
_TAG = TAG.encode()
_DIGEST = 16
"""Bytes: no two values of one key will ever have the same by chance."""

Encoding = tuple[bytes | None, msgspec.Raw]
"""A digest by which a plain value is known again, and its JSON."""


def encoded(value: Any, at: str) -> bytes:
    """A value's JSON.

    Args:
        value: Anything.
        at: What to call it in an error.

    Raises:
        InvalidValue: It could not be had back as it is; says what is in the way.
    """
    changing: RuntimeError | None = None
    for _ in range(_TRIES):
        try:
            return _written(value, at)
        except RuntimeError as error:  # "changed size during iteration"
            changing = error
    raise InvalidValue(
        f"{at} is changed by another node while it is stored: {changing}; give each "
        f"parallel node a key of its own",
        path=at,
    ) from changing


def restored(plain: Any) -> Any:
    """The value of what ``encoded`` made, as read from JSON."""
    return read(plain)


def _written(value: Any, at: str) -> bytes:
    writer = Writer()
    try:
        plain = writer.write(value, at)
    except RecursionError:
        raise InvalidValue(f"{at} cannot be stored: it is nested too deeply") from None
    if writer.losses:
        what = "; ".join(writer.losses[:3])
        raise InvalidValue(
            f"{at} cannot be stored as it is: {what}",
            path=writer.losses[0].split(" (", 1)[0],
            type=class_path(type(value)),
        )
    try:
        return msgspec.json.encode(plain)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidValue(f"{at} cannot be stored: {error}", path=at) from error


def _flat(value: Any) -> bytes | None:
    """The bytes of a value of plain types; None of others."""
    try:
        return marshal.dumps(value, _MARSHAL)
    except (ValueError, TypeError):
        return None


def _encoding(value: Any, at: str, before: Encoding | None) -> Encoding:
    flat = _flat(value)
    if flat is None:
        return None, msgspec.Raw(encoded(value, at))
    digest = hashlib.blake2b(flat, digest_size=_DIGEST).digest()
    if before is not None and before[0] == digest:
        return before
    try:
        plain = msgspec.json.encode(value)
        if _TAG not in plain and _flat(msgspec.json.decode(plain)) == flat:
            return digest, msgspec.Raw(plain)
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
    ):
        pass  # not as plain as that; what is wrong with it, if anything, is told below
    return digest, msgspec.Raw(encoded(value, at))


class Keeper:
    """Keeps one dict. From any thread.

    Args:
        shared: The dict.
        transient: Keys that are left out.
    """

    def __init__(
        self, shared: MutableMapping[Any, Any], transient: frozenset[str]
    ) -> None:
        self.shared = shared
        self._transient = transient
        self._lock = threading.Lock()
        self._latest: dict[str, Encoding] = {}
        self._told = self._latest  # nothing is new before the first capture

    def restore(self, values: Values) -> None:
        """Make the dict what it was, but for keys that were not kept."""
        gone = [key for key in self.shared if key not in self._transient]
        for key in gone:
            del self.shared[key]
        for key, raw in values.items():
            if key not in self._transient:
                self.shared[key] = read(msgspec.json.decode(raw))

    def capture(self) -> None:
        """Take down what the dict holds now.

        Raises:
            InvalidValue: A key is no text, or a value cannot be stored.
        """
        with self._lock:
            found = self._captured()
            self._check_size(found)
            self._latest = found

    def _captured(self) -> dict[str, Encoding]:
        before, found = self._latest, {}
        for key, value in list(self.shared.items()):
            if key in self._transient:
                continue
            if type(key) is not str:
                raise InvalidValue(
                    f"shared[{key!r:.60}]: a durable run keeps keys that are text, "
                    f"got {type(key).__name__}; name it in transient=, or rename it",
                    path=f"shared[{key!r:.60}]",
                )
            try:
                found[key] = _encoding(value, f"shared[{key!r}]", before.get(key))
            except InvalidValue as error:
                raise InvalidValue(
                    f"{error}. Leave the key out by run(..., transient=({key!r},)), "
                    f"and make its value anew where it is missing",
                    **{"key": key, "path": f"shared[{key!r}]", **error.data},
                ) from None
        return found

    def _check_size(self, found: dict[str, Encoding]) -> None:
        told = self._told
        sizes = {
            key: len(bytes(each[1]))
            for key, each in found.items()
            if key not in told or told[key] is not each
        }
        if sum(sizes.values()) <= LARGEST:
            return
        key = max(sizes, key=lambda each: sizes[each])
        raise InvalidValue(
            f"shared: {sum(sizes.values()):,} bytes are new or changed, and a "
            f"checkpoint holds at most {LARGEST:,}; shared[{key!r}] has "
            f"{sizes[key]:,}. Keep large data in a file, and its name in shared; or "
            f"leave the key out by run(..., transient=({key!r},))",
            key=key,
            path=f"shared[{key!r}]",
        )

    @property
    def has_news(self) -> bool:
        """Whether something changed since ``news`` was last asked for."""
        return self._latest is not self._told

    def news(self) -> tuple[Values, list[str]]:
        """What is new or changed since this was last asked, and the keys that went."""
        with self._lock:
            told, latest = self._told, self._latest
            self._told = latest
        if told is latest:
            return {}, []
        new = {
            key: each[1]
            for key, each in latest.items()
            if key not in told or _differ(told[key], each)
        }
        return new, [key for key in told if key not in latest]

    def everything(self) -> Values:
        """All that was taken down last."""
        return {key: each[1] for key, each in self._latest.items()}


def _differ(one: Encoding, other: Encoding) -> bool:
    return one is not other and bytes(one[1]) != bytes(other[1])
