"""Recompute the golden files under tests/wire: views of the fold, and records.

Run it after a deliberate change of the fold or the record, and read the diff: the
files are what pytest and ``node --test`` hold both implementations to.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from kgnb.protocol import RunView, decode_event, fold
from kgnb.protocol.moments import moments
from kgnb.protocol.record import static_record

WIRE = Path(__file__).parent.parent / "tests" / "wire"


def refold(golden: dict[str, Any]) -> None:
    """Fold the events anew."""
    view = RunView()
    for event in golden["events"]:
        fold(view, decode_event(json.dumps(event).encode()))
    golden["view"] = view.to_dict()
    golden["moments"] = moments(golden["view"])


def record_again(golden: dict[str, Any]) -> None:
    """Make the record anew, of a view with every field in its place."""
    golden["view"] = msgspec.convert(golden["view"], RunView).to_dict()
    golden["record"] = static_record(golden["view"])


def recompute(path: Path) -> bool:
    """Rewrite one file; True if it changed."""
    before = path.read_text()
    golden = json.loads(before)
    if "events" in golden:
        refold(golden)
    else:
        record_again(golden)
    path.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
    return path.read_text() != before


if __name__ == "__main__":
    stale = [path.name for path in sorted(WIRE.glob("*.json")) if recompute(path)]
    print("changed:", ", ".join(stale) or "nothing")
