"""The error tree: its docstring, its codes, and the way back from the wire."""

import pytest

from kgnb import errors


def tree():
    def walk(cls):
        yield cls
        for child in cls.__subclasses__():
            yield from walk(child)

    return [cls for cls in walk(errors.KgnbError) if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", tree(), ids=lambda cls: cls.__name__)
def test_error_is_listed_in_the_docstring_with_its_code(cls):
    line = next(
        line
        for line in errors.__doc__.splitlines()
        if cls.__name__ in line.split()
        or line.strip("│├└─ ").startswith(cls.__name__ + " ")
    )
    assert cls.code in line.split()


def test_facts_are_attributes():
    error = errors.AlreadyAnswered("late", value="yes", by={"user": "ana"})
    assert (error.value, error.by, error.code) == (
        "yes",
        {"user": "ana"},
        "already_answered",
    )
    with pytest.raises(AttributeError, match="AlreadyAnswered"):
        _ = error.nothing


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        ("already_answered", errors.AlreadyAnswered),
        ("forbidden", errors.Forbidden),
        ("unknown_type", errors.UnknownType),
        ("expired", errors.Expired),
        ("unavailable", errors.Unavailable),
        ("conflict", errors.Conflict),
        ("invalid", errors.InvalidValue),
        ("internal", errors.KgnbError),
        ("never_heard_of", errors.KgnbError),
    ],
)
def test_error_from_code_keeps_code_and_facts(code, cls):
    error = errors.from_code(code, "text", value=1)
    assert type(error) is cls
    assert (error.code, str(error), error.value) == (code, "text", 1)
