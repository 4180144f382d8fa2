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

    started = process.start_time(child.pid)
    assert started
    assert not process.is_alive(child.pid, started)
    child.wait()
    assert not process.is_alive(child.pid, started)
    assert process.start_time(child.pid) is None


def test_this_process_is_alive_under_its_own_start_time_only() -> None:
    started = process.start_time(os.getpid())

    assert started
    assert process.is_alive(os.getpid(), started)
    assert not process.is_alive(os.getpid(), "1")
