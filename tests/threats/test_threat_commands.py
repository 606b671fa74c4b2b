"""What a button in somebody's text could have JupyterLab do (CVE-2026-40171)."""

import subprocess
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "kgnb" / "web" / "src"
LISTED = """
import { commandsOf } from "./lab/commands.js";
console.log(Object.keys(commandsOf({})).sort().join("\\n"));
"""


def test_no_command_answers_an_approval_or_runs_anything():
    """Lab lets HTML name a command for a click: none of ours decides in one's name."""
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", LISTED],
        cwd=SOURCES,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [
        "kgnb:cancel-run",
        "kgnb:next-approval",
        "kgnb:open-inbox",
        "kgnb:open-run",
        "kgnb:pause-run",
        "kgnb:resume-run",
        "kgnb:show-approval",
        "kgnb:show-runs",
        "kgnb:toggle-notifications",
    ]
