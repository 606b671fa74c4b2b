"""Refuses connections to other machines: see ``offline.py``. Loaded by Python itself."""

import ipaddress
import sys


def is_far(host):
    """Whether this is another machine, or a name that would have to be looked up."""
    if host in (None, "", "localhost"):
        return False
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return True


def refuse(event, arguments):
    """An audit hook."""
    match event, arguments:
        case "socket.connect", (_, (str(host), *_)):
            pass
        case "socket.getaddrinfo", (str(host), *_):
            pass
        case _:  # a Unix socket, or something else
            return
    if is_far(host):
        raise OSError(f"offline: no connection to {host}")


sys.addaudithook(refuse)
