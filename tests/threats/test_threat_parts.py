"""The list of parts: whole, closed, and none below its floor."""

import runpy
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPO = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
EXTRAS = ("fastapi", "langgraph", "postgres", "redis")
NEEDED = [Requirement(line) for line in PROJECT["dependencies"]]
OPTIONAL = [
    Requirement(line)
    for extra in EXTRAS
    for line in PROJECT["optional-dependencies"][extra]
]


@pytest.fixture(scope="module")
def sbom():
    return runpy.run_path(str(REPO / "scripts" / "sbom.py"))["document"](frozenset())


@pytest.mark.parametrize("wanted", NEEDED + OPTIONAL, ids=lambda wanted: wanted.name)
def test_part_that_is_named_has_a_floor_and_what_is_tested_is_above_it(wanted):
    (floor,) = [each.version for each in wanted.specifier if each.operator == ">="]
    assert Version(metadata.version(wanted.name)) >= Version(floor)


def test_every_part_that_is_needed_is_listed(sbom):
    listed = {part["name"] for part in sbom["components"]}
    assert {canonicalize_name(wanted.name) for wanted in NEEDED} <= listed


def test_list_is_closed_and_each_part_stands_there_once(sbom):
    refs = [part["bom-ref"] for part in sbom["components"]]
    refs.append(sbom["metadata"]["component"]["bom-ref"])
    assert len({*refs}) == len(refs)
    assert {each["ref"] for each in sbom["dependencies"]} == {*refs}
    needed = {ref for each in sbom["dependencies"] for ref in each["dependsOn"]}
    assert needed <= {*refs}
    assert all(ref.startswith("pkg:pypi/") for ref in refs)
