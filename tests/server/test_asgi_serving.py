"""What ``kgnb serve`` takes, and what it says of the rest."""

import sys

import pytest

from kgnb.errors import InvalidValue
from kgnb.server.asgi.serving import load


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the working directory."""
    (tmp_path / "my_flows.py").write_text(
        "class Flows:\n    double = staticmethod(lambda shared: 2 * shared['n'])\n"
    )
    (tmp_path / "broken_flows.py").write_text("import not_there_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "my_flows"
    sys.modules.pop("my_flows", None)


def test_target_may_be_a_module_or_a_name_with_dots_in_it(module):
    assert load(module) == (None, "")
    found, name = load(f"{module}:Flows.double")
    assert (found({"n": 2}), name) == (4, "double")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("my_flowz:x", "no module 'my_flowz', here or installed; expected"),
        ("my_flows:Flows.triple", "nothing is named 'triple' there"),
    ],
)
def test_target_that_is_not_there_is_refused_by_name(module, target, told):
    with pytest.raises(InvalidValue) as error:
        load(target)
    assert told in str(error.value)


def test_module_that_lacks_what_it_imports_says_so_itself(module):
    with pytest.raises(ModuleNotFoundError, match="not_there_at_all"):
        load("broken_flows")
