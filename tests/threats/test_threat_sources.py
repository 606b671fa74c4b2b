"""What the sources themselves must not do, or depend on."""

import ast
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

REPO = Path(__file__).parent.parent.parent
READS_FOREIGN_BYTES = ("broker", "clients", "panel", "protocol", "server", "storage")
RUNS = {"eval", "exec", "compile", "__import__"}
UNPACKS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "subprocess"}

FLOORS = {
    "jupyter-server": "2.21",  # CVE-2026-40110, CVE-2026-86049, CVE-2026-44727
    "tornado": "6.5.7",  # 6.5.3 to 6.5.6 mended headers and multipart forms
    "PyJWT": "2.10",  # CVE-2024-53861: issuers compared in part
    "PyYAML": "5.4",  # CVE-2020-14343: its full loader ran code
    "starlette": "0.49.1",  # CVE-2025-62727: Range headers in quadratic time
}


SOURCES = [
    path
    for package in READS_FOREIGN_BYTES
    for path in sorted((REPO / "kgnb" / package).rglob("*.py"))
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_that_reads_foreign_bytes_runs_them(path):
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                assert name not in RUNS, f"{path}:{node.lineno}: {name}"
            case ast.Import(names=names):
                found = {each.name.partition(".")[0] for each in names}
                assert not found & UNPACKS, f"{path}:{node.lineno}: {found}"
            case ast.ImportFrom(module=str() as module):
                root = module.partition(".")[0]
                assert root not in UNPACKS, f"{path}:{node.lineno}: {root}"


@pytest.mark.parametrize("name", FLOORS)
def test_lowest_versions_are_past_the_known_holes(name):
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["fastapi"]
    (found,) = [
        requirement
        for requirement in map(Requirement, lines)
        if requirement.name.lower() == name.lower()
    ]
    (floor,) = [each.version for each in found.specifier if each.operator == ">="]
    assert Version(floor) >= Version(FLOORS[name])
