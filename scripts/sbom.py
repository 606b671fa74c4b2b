"""Print the parts of kgnb as they are installed here, as a CycloneDX 1.5 document.

    python scripts/sbom.py [extra ...] > sbom.json

Without extras: what `pip install kgnb` brings. Each part has its version, its licence
as its authors name it, its package URL, and which other parts it needs. Read from the
metadata of the environment, so it lists what runs, not what could.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "kgnb"


def needed(name: str, extras: frozenset[str]) -> dict[str, frozenset[str]]:
    """What a part needs in this environment, with the extras it wants of each."""
    found: dict[str, frozenset[str]] = {}
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        wanted = [{"extra": extra} for extra in ("", *extras)]
        marker = requirement.marker
        if marker is None or any(marker.evaluate(each) for each in wanted):
            key = canonicalize_name(requirement.name)
            found[key] = found.get(key, frozenset()) | frozenset(requirement.extras)
    return found


def parts(extras: frozenset[str]) -> dict[str, list[str]]:
    """Every part by name, the root first, and the names of what it needs.

    Raises:
        metadata.PackageNotFoundError: One that is needed is not installed.
    """
    wanted = {ROOT: extras}
    edges: dict[str, list[str]] = {}
    waiting = [ROOT]
    while waiting:
        name = waiting.pop()
        needs = needed(name, wanted[name])
        edges[name] = sorted(set(needs) - {name})
        for other, more in needs.items():
            before = wanted.get(other)
            wanted[other] = (before or frozenset()) | more
            if before is None or wanted[other] != before:
                waiting.append(other)
    return edges


def purl(name: str) -> str:
    """The package URL, by which advisories are looked up."""
    return f"pkg:pypi/{name}@{metadata.version(name)}"


def component(name: str) -> dict[str, Any]:
    """One part."""
    found = metadata.metadata(name)
    licence = found.get("License-Expression") or found.get("License") or ""
    shown = licence.strip().partition("\n")[0][:80]  # some put the whole text there
    return {
        "type": "application" if name == ROOT else "library",
        "bom-ref": purl(name),
        "name": name,
        "version": metadata.version(name),
        "purl": purl(name),
        **({"licenses": [{"license": {"name": shown}}]} if shown else {}),
    }


def document(extras: frozenset[str]) -> dict[str, Any]:
    """The whole, without a time or a serial number: the same twice is the same."""
    edges = parts(extras)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(ROOT)},
        "components": [component(name) for name in sorted(edges) if name != ROOT],
        "dependencies": [
            {"ref": purl(name), "dependsOn": [purl(each) for each in edges[name]]}
            for name in sorted(edges)
        ],
    }


if __name__ == "__main__":
    print(json.dumps(document(frozenset(sys.argv[1:])), indent=2))
