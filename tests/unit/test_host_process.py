"""Children end whole, are measured, and a process that only waits to be reaped is no head."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from scalable_cli.host import process


def test_a_process_that_ended_unreaped_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    until = time.monotonic() + 10
    while " Z " not in Path(f"/proc/{child.pid}/stat").read_text() and time.monotonic() < until:
        time.sleep(0.01)

    assert not process.is_alive(child.pid)
    assert process.start_time(child.pid)
    child.wait()
    assert not process.is_alive(child.pid)
    assert process.start_time(child.pid) is None


def test_this_process_is_alive_and_keeps_its_start_time() -> None:
    assert process.is_alive(os.getpid())
    assert process.start_time(os.getpid()) == process.start_time(os.getpid())
