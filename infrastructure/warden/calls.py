"""Which calls of the kernel nobody makes inside, as a program for seccomp(2).

Inside, a service shares the host's ports with the proxy and with other services.
With SO_REUSEPORT it could listen on a port that the proxy, which sets it too, has
already, and be given half of another project's requests: the kernel asks for
nothing but the same user, who it is wherever Telewright does not run as root.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import NamedTuple


class _Machine(NamedTuple):
    architecture: int
    """AUDIT_ARCH_* of linux/audit.h."""
    setsockopt: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 54), "aarch64": _Machine(0xC00000B7, 208)}

_IO_URING_SETUP = 425
"""On every machine. Rings can set an option of a socket as well, and no filter sees it."""
_X32 = 0x40000000
"""Set in the numbers of a second set of calls that x86_64 has."""
_SOL_SOCKET, _SO_REUSEPORT = 1, 15

# struct seccomp_data of linux/seccomp.h; of an argument that is an int the lower half counts.
_NUMBER, _ARCHITECTURE, _LEVEL, _OPTION = 0, 4, 24, 32

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def filter_program() -> bytes | None:
    """Return the filter for this machine, as bubblewrap's `--seccomp` takes it; None where its calls are unknown."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return None
    refuse, allow = 10, 11
    steps = [
        (_LOAD, _ARCHITECTURE, None, None),
        (_IF_EQUAL, machine.architecture, 2, refuse),  # the calls of 32 bits have other numbers
        (_LOAD, _NUMBER, None, None),
        (_IF_AT_LEAST, _X32, refuse, 4),
        (_IF_EQUAL, _IO_URING_SETUP, refuse, 5),
        (_IF_EQUAL, machine.setsockopt, 6, allow),
        (_LOAD, _LEVEL, None, None),
        (_IF_EQUAL, _SOL_SOCKET, 8, allow),
        (_LOAD, _OPTION, None, None),
        (_IF_EQUAL, _SO_REUSEPORT, refuse, allow),
        (_RETURN, _REFUSE, None, None),
        (_RETURN, _ALLOW, None, None),
    ]
    return b"".join(
        struct.pack("=HBBI", code, _past(at, met), _past(at, otherwise), operand)
        for at, (code, operand, met, otherwise) in enumerate(steps)
    )


def _past(at: int, target: int | None) -> int:
    """Return how many steps a jump leaves out."""
    return 0 if target is None else target - at - 1
