"""Memory that nobody else reads. Each test runs in a process of its own: what it maps stays for good."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from velatura.enclave.backends.memfd_secret import SecretMemory, why_absent

pytestmark = pytest.mark.skipif(sys.platform != "linux" or bool(why_absent()), reason="memfd_secret: this kernel has none")


def test_it_is_drawn_kept_and_revealed() -> None:
    memory, other = SecretMemory(32), SecretMemory(32)
    assert memory.reveal() == bytes(32)
    memory.draw()
    other.draw()
    assert len({memory.reveal(), other.reveal(), bytes(32)}) == 3
    memory.close()
    other.close()


def test_the_kernel_does_not_read_it_for_anybody() -> None:
    memory = SecretMemory(32)
    memory.draw()
    ordinary = bytearray(b"ordinary memory, the control")
    at = ctypes.addressof((ctypes.c_char * len(ordinary)).from_buffer(ordinary))
    with open("/proc/self/mem", "rb", buffering=0) as stream:
        stream.seek(at)
        assert stream.read(len(ordinary)) == ordinary
        stream.seek(memory.address)
        with pytest.raises(OSError, match="Input/output error"):
            stream.read(32)
    with pytest.raises(OSError, match="Bad address"):
        process_vm_readv(memory.address)
    memory.close()


def test_no_descriptor_is_left() -> None:
    code = (
        "import os; before = os.listdir('/proc/self/fd'); from velatura.enclave.backends.memfd_secret import SecretMemory; "
        "SecretMemory(32).draw(); assert os.listdir('/proc/self/fd') == before"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=280).returncode == 0


def process_vm_readv(address: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    target = ctypes.create_string_buffer(32)

    class Span(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))

    mine, theirs = Span(ctypes.addressof(target), 32), Span(address, 32)
    if library.process_vm_readv(os.getpid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
