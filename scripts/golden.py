"""Recompute the views of the golden files under tests/wire.

Run it after a deliberate change of the fold, and read the diff: the files are
what pytest and ``node --test`` hold both implementations to.
"""

import json
import sys
from pathlib import Path

from kgnb.protocol import RunView, decode_event, fold

WIRE = Path(__file__).parent.parent / "tests" / "wire"


def recompute(path: Path) -> bool:
    """Rewrite one file's view; True if it changed."""
    golden = json.loads(path.read_text())
    view = RunView()
    for event in golden["events"]:
        fold(view, decode_event(json.dumps(event).encode()))
    changed: bool = golden.get("view") != view.to_dict()
    golden["view"] = view.to_dict()
    path.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")
    return changed


if __name__ == "__main__":
    stale = [path.name for path in sorted(WIRE.glob("fold-*.json")) if recompute(path)]
    print("changed:", ", ".join(stale) or "nothing")
    sys.exit(0)
