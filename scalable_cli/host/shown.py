"""A child process whose output the user sees: copied to a log and to streams as it comes."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TextIO

from scalable_cli.host.process import Finished, Guard, signal_group

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INTERRUPT_GRACE_S = 5.0
_POLL_S = 0.05
_LAST_OUTPUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a child's output goes: all of it to `log`, and to the two streams."""

    log: IO[bytes]
    out: TextIO
    err: TextIO


def run_shown(
    argv: Sequence[str], *, cwd: Path, environ: Mapping[str, str], outlet: Outlet
) -> Finished:
    """Run `argv` to its end, its output going to `outlet`; its whole group ends with it.

    An exception that arrives meanwhile (Ctrl-C, SIGTERM) becomes the child's SIGINT, and
    SIGKILL for its group after twice the grace time or another Ctrl-C; then it goes on up.
    The group also ends when this process is killed. Raises OSError when the program cannot
    be started.
    """
    started = time.monotonic()
    child = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    lock = threading.Lock()
    pairs = ((child.stdout, outlet.out), (child.stderr, outlet.err))
    copies = [
        threading.Thread(target=_copy, args=(pipe, outlet.log, stream, lock), daemon=True)
        for pipe, stream in pairs
    ]
    guard = Guard(environ)
    guard.add(child.pid)
    try:
        for copy in copies:
            copy.start()
        status, cpu_seconds, peak = _await(child.pid)
    finally:
        signal_group(child.pid, signal.SIGKILL)
        guard.remove(child.pid)
        guard.close()
        for copy in copies:
            copy.join(_LAST_OUTPUT_S)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Finished(child.returncode, time.monotonic() - started, cpu_seconds, peak)


def _await(pid: int) -> tuple[int, float, int]:
    """The child's status, CPU seconds and peak memory in bytes, once it has ended."""
    try:
        return _reap(pid)
    except BaseException:
        try:
            # Twice: Python drops a KeyboardInterrupt that arrives within a destructor.
            if not _interrupt(pid):
                _interrupt(pid)
        finally:
            signal_group(pid, signal.SIGKILL)
            _reap(pid)
        raise


def _interrupt(pid: int) -> bool:
    """Ask the child to end; whether it did within the grace time."""
    os.kill(pid, signal.SIGINT)
    until = time.monotonic() + INTERRUPT_GRACE_S
    while time.monotonic() < until:
        if _has_ended(pid):
            return True
        time.sleep(_POLL_S)
    return False


def _reap(pid: int) -> tuple[int, float, int]:
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _copy(pipe: IO[bytes], log: IO[bytes], stream: TextIO, lock: threading.Lock) -> None:
    """Copy until the pipe ends; a stream that nobody reads any more does not stop the child."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    shown = True
    while block := os.read(pipe.fileno(), 1 << 16):
        with lock:
            log.write(block)
            if not shown:
                continue
            try:
                stream.write(decoder.decode(block))
                stream.flush()
            except (OSError, ValueError):
                shown = False
