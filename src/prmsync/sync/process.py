"""How a process signs the leases it holds, and how another one sees that it is gone."""

from __future__ import annotations

import os
import socket


def this_process() -> str:
    """ "host:pid", the holder's name in a lease."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(holder: str | None) -> bool:
    """Whether the process that holds a lease ran on this machine and no longer exists."""
    host, _, pid = (holder or "").rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
