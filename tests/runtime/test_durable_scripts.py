"""Scripts that are killed with -9, and started again, as their users would."""

import os
import signal
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("durable_script.py")
WAIT = 60


def start(tmp_path, **environ):
    told = {name: text for name, text in os.environ.items() if "KGNB" not in name}
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "journal")],
        env={**told, "XDG_DATA_HOME": str(tmp_path), **environ},
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )


def test_a_script_killed_at_each_step_comes_to_its_end(tmp_path):
    kills = 0
    while (ended := start(tmp_path)).returncode == -signal.SIGKILL:
        kills += 1
        assert kills <= 5
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "{'done': ['first', 'inner', 'last'], 'items': [10, 20]}\n"
    assert kills == 5
    # Each began twice: it was killed in it once. None that had ended began again.
    steps = ["first", "item 1", "item 2", "inner", "last"]
    expected = [step for step in steps for _ in range(2)]
    assert (tmp_path / "journal").read_text().splitlines() == expected


def test_the_log_of_a_script_is_its_own_and_private(tmp_path):
    (tmp_path / "journal").write_text("first\nitem 1\nitem 2\ninner\nlast\n")
    assert start(tmp_path).returncode == 0
    (log,) = (tmp_path / "kgnb" / "durable").glob("*.db")
    assert log.name.startswith("durable-script-")
    assert log.stat().st_mode & 0o077 == 0
    assert log.parent.stat().st_mode & 0o077 == 0


def test_a_second_process_of_a_script_is_told_why_it_cannot_keep(tmp_path):
    held = tmp_path / "held.db"
    code = (
        "import asyncio, subprocess, sys\n"
        "from kgnb.storage import open_log\n"
        "async def main():\n"
        f"    log = open_log('sqlite://{held}')\n"
        "    await log.open()\n"
        "    print('held', flush=True)\n"
        "    await asyncio.to_thread(sys.stdin.read)\n"
        "    await log.aclose()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        refused = start(tmp_path, KGNB_LOG_URL=f"sqlite://{held}")
        holder.stdin.close()
    assert refused.returncode == 1
    assert "another process has this log open" in refused.stderr
    assert "KGNB_LOG_URL" in refused.stderr
