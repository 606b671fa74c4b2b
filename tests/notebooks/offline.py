"""Run a command where there is no network but the loopback interface.

    python offline.py pytest --nbval notebooks/

In a network namespace of its own, which Linux gives root, and most distributions
everybody. Where it gives none, Python's own connections to other machines are refused
instead, in the command and in all Python processes that it starts. ``OFFLINE`` in the
command's environment says which: ``namespace`` or ``guard``.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

NEW_USER, NEW_NET = 0x1000_0000, 0x4000_0000
SET_FLAGS, UP = 0x8914, 0x1
GUARD = Path(__file__).with_name("guard")


def unshare():
    """Leave the network; False where the system does not allow it."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    flags = NEW_NET if user == 0 else NEW_NET | NEW_USER
    if not sys.platform.startswith("linux") or libc.unshare(flags) != 0:
        return False
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
        fcntl.ioctl(any_, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    return True


def main(command):
    """Become the command."""
    if unshare():
        os.environ["OFFLINE"] = "namespace"
    else:
        os.environ["OFFLINE"] = "guard"
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), before]))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
