"""From the arguments of ``ask`` to a question, and from its decision to an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from kgnb.errors import InvalidValue
from kgnb.protocol import codec, ids
from kgnb.protocol import events as e
from kgnb.runtime.files import File, file_schema
from kgnb.runtime.result import Answer
from kgnb.runtime.shapes import (
    LARGEST,
    FileShape,
    PlainShape,
    Shape,
    plain_of,
    shape_of,
    type_of_payload,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSET = msgspec.UNSET
_KINDS: tuple[e.ApprovalKind, ...] = (
    "choice",
    "confirm",
    "edit",
    "file",
    "form",
    "input",
    "text",
)
_NEEDS = {"choice": "options", "form": "schema", "edit": "payload"}
"""What a kind cannot be without."""
_HAS_NO = {
    "text": ("options", "schema"),
    "confirm": ("options", "schema"),
    "choice": ("schema",),
    "form": ("options",),
    "file": ("options", "schema"),
    "input": ("options",),
    "edit": (),
}
"""What a kind has no use for; given all the same, it is a misunderstanding."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``ask`` that say what is shown and what may be answered."""

    message: str
    options: Sequence[Any] | None = None
    schema: Any = None
    payload: Any = None
    kind: str | None = None
    accept: str | Sequence[str] | None = None
    timeout: float | None = None
    on_timeout: Any = UNSET


class Given(msgspec.Struct, frozen=True):
    """An answer as the wire has it."""

    value: Any
    edited_payload: Any = None
    reason: str | None = None


class Terms:
    """A question, and what an answer to it means.

    Any thread may use it but the link's: ``take`` and ``encode`` run the validators
    of the user's type.
    """

    def __init__(
        self,
        wanted: Wanted,
        data: e.ApprovalData,
        shape: Shape,
        options: list[Any] | None,
    ) -> None:
        self.data = data
        self.on_timeout = wanted.on_timeout
        self._wanted = wanted
        self._shape = shape
        self._options = options

    def expire(self, expires_at: str, on_timeout: Any) -> None:
        """Give it a deadline that it has not had."""
        self.on_timeout = on_timeout
        self.data.expires_at = expires_at
        self.data.on_timeout = _shown_default(on_timeout)

    def with_data(self, data: e.ApprovalData) -> Terms:
        """The same terms under another description."""
        again = Terms(self._wanted, data, self._shape, self._options)
        again.on_timeout = self.on_timeout
        return again

    def take(self, decided: e.ResolvedData) -> Answer:
        """The answer that a decision is.

        Raises:
            Misfit: It fits what was asked as JSON, but not the type.
        """
        asked, data = self._wanted, self.data
        value, payload, is_edited = decided.value, None, False
        if decided.outcome == "timed_out":
            # The very object: it need not fit what a person may answer.
            value, payload = self.on_timeout, asked.payload
        elif data.kind != "edit":
            value = self._load(value)
        elif data.options is None:
            is_edited = value != data.payload
            value = payload = self._shape.load(value)
        else:
            changed = decided.edited_payload
            is_edited = changed is not None and changed != data.payload
            payload = self._shape.load(changed) if is_edited else asked.payload
            value = self._option(value)
        return Answer(
            value,
            "timed_out" if decided.outcome == "timed_out" else "answered",
            decided.by,
            decided.reason,
            votes=tuple(decided.votes or ()),
            payload=payload if data.kind == "edit" else None,
            edited=is_edited,
        )

    def _load(self, value: Any) -> Any:
        return self._shape.load(value) if self._options is None else self._option(value)

    def _option(self, value: Any) -> Any:
        """The option itself, which may be an Enum's member or an object."""
        shown, options = self.data.options or [], self._options or []
        for each, option in zip(shown, options, strict=True):
            if each == value and type(each) is type(value):
                return option
        return value

    def encode(self, value: Any) -> Given:
        """An answer given in Python; an ``Answer`` brings reason and payload along.

        Raises:
            InvalidValue: It cannot be one; the text says what can.
            Misfit: As ``take``.
        """
        payload, reason = None, None
        if isinstance(value, Answer):
            value, payload, reason = value.value, value.payload, value.reason
        if self._options is None:
            given = Given(self._shape.dump(value), None, reason)
            self._shape.load(given.value)
            return given
        for option, shown in zip(self._options, self.data.options or (), strict=True):
            if option is value or _is_equal(option, value):
                value = shown
                break
        if payload is not None:
            payload = self._shape.dump(payload)
            self._shape.load(payload)
        return Given(plain_of(value), payload, reason)


def _is_equal(option: Any, value: Any) -> bool:
    # A type of one's own, such as an array, may not compare to a plain truth.
    return type(option) is type(value) and bool(option == value)


def terms_of(wanted: Wanted) -> Terms:
    """Put a question into words that travel; its id comes later.

    Raises:
        InvalidValue: It cannot be asked so; the text says what is wrong.
    """
    try:
        return _terms(wanted)
    except InvalidValue as error:
        raise InvalidValue(f"ask({wanted.message!r}): {error}") from error.__cause__


def _terms(wanted: Wanted) -> Terms:
    if not isinstance(wanted.message, str):
        raise InvalidValue("expected a str as the message")
    # A stream's text is a str of a kind of its own, which JSON's writer refuses.
    message = str(wanted.message)
    kind = _kind_of(wanted)
    options = _options_of(wanted, kind)
    _check_times(wanted)
    shape = _shape_of(wanted, kind)
    shown_options = None if options is None else [plain_of(each) for each in options]
    payload = _payload_of(wanted, kind, shape)
    data = e.ApprovalData(
        approval_id=ids.ApprovalId(""),
        args_hash=ids.args_hash(message, shown_options, shape.json_schema, payload),
        message=message,
        options=shown_options,
        payload=payload,
        schema=shape.json_schema,
        kind=kind,
        on_timeout=_shown_default(wanted.on_timeout),
    )
    return Terms(wanted, data, shape, options)


def _shown_default(on_timeout: Any) -> Any:
    """What people are told of ``on_timeout``, and what the log keeps."""
    if on_timeout is UNSET:
        return UNSET
    if isinstance(on_timeout, File):
        return on_timeout.describe()
    shown, _ = codec.json_safe(on_timeout, limit=LARGEST)
    return shown


def _kind_of(wanted: Wanted) -> e.ApprovalKind:
    kind = _obvious_kind(wanted) if wanted.kind is None else _named_kind(wanted.kind)
    _check_parts(wanted, kind)
    return kind


def _named_kind(name: str) -> e.ApprovalKind:
    for kind in _KINDS:
        if kind == name:
            return kind
    raise InvalidValue(f"kind={name!r}: expected one of {', '.join(_KINDS)}")


def _obvious_kind(wanted: Wanted) -> e.ApprovalKind:
    if wanted.options is not None and wanted.schema is not None:
        raise InvalidValue(
            "options= are buttons and schema= is a form: give one of them, or "
            "kind='edit' for a payload to edit with buttons below it"
        )
    if wanted.accept is not None:
        return "file"
    if wanted.schema is not None:
        return "form"
    return "text" if wanted.options is None else "choice"


def _check_parts(wanted: Wanted, kind: e.ApprovalKind) -> None:
    needed = _NEEDS.get(kind)
    if needed is not None and getattr(wanted, needed) is None:
        raise InvalidValue(f"kind={kind!r} wants {needed}=")
    for name in _HAS_NO[kind]:
        if getattr(wanted, name) is not None:
            raise InvalidValue(f"kind={kind!r} has no use for {name}=")
    if wanted.accept is not None and kind != "file":
        raise InvalidValue(f"kind={kind!r} has no use for accept=")


def _options_of(wanted: Wanted, kind: e.ApprovalKind) -> list[Any] | None:
    options = wanted.options
    if options is None:
        return None
    if isinstance(options, str):
        raise InvalidValue(f"options={options!r} is one str; a list?")
    if not isinstance(options, Iterable):
        raise InvalidValue(f"options={options!r}: expected a list")
    listed = list(options)
    if not listed:
        raise InvalidValue("options is empty; nobody could answer")
    if kind == "edit" and None in listed:
        raise InvalidValue("options with kind='edit': None is no option")
    return listed


def _check_times(wanted: Wanted) -> None:
    timeout = wanted.timeout
    if timeout is None:
        if wanted.on_timeout is not UNSET:
            raise InvalidValue("on_timeout= without timeout= would never be taken")
    elif isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise InvalidValue(f"timeout={timeout!r}: expected seconds, or None")
    elif not 0 < timeout < float("inf"):
        raise InvalidValue(
            f"timeout={timeout!r}: expected seconds above 0, or None to wait for ever"
        )


def _shape_of(wanted: Wanted, kind: e.ApprovalKind) -> Shape:
    if kind == "file":
        return FileShape(file_schema(_accept_of(wanted.accept)))
    schema = wanted.schema
    if schema is None and kind == "edit":
        schema = type_of_payload(wanted.payload)
    return PlainShape() if schema is None else shape_of(schema)


def _accept_of(accept: str | Sequence[str] | None) -> list[str] | None:
    if accept is None:
        return None
    listed = accept.split(",") if isinstance(accept, str) else list(accept)
    cleaned = [each.strip().lower() for each in listed if isinstance(each, str)]
    is_valid = [each.startswith(".") or "/" in each for each in cleaned]
    if not cleaned or len(cleaned) != len(listed) or not all(is_valid):
        raise InvalidValue(
            f"accept={accept!r}: expected endings such as '.csv' or media types such "
            f"as 'image/*'"
        )
    return cleaned


def _payload_of(wanted: Wanted, kind: e.ApprovalKind, shape: Shape) -> Any:
    """What JSON makes of it: the reader must see what the hash is of."""
    payload = wanted.payload
    if payload is None:
        return None
    if kind == "edit":
        return shape.dump(payload)
    if isinstance(payload, File):
        return payload.describe()
    shown, was_replaced = codec.json_safe(payload, limit=LARGEST)
    if was_replaced and (size := _size_of(payload)) > LARGEST:
        raise InvalidValue(f"{size} bytes are too much to show; at most {LARGEST}")
    return shown


def _size_of(value: Any) -> int:
    """Bytes as JSON; 0 for what has no JSON and is shown by its repr."""
    try:
        return len(codec.encode_value(value))
    except (TypeError, ValueError, RecursionError, UnicodeError, OverflowError):
        return 0
