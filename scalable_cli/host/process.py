"""Child processes: started in a group of their own, watched, measured, and ended whole."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING

from scalable_cli.host import own_environ

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

GRACE_S = 10.0
FIRST_POLL_S, POLL_S = 0.005, 0.25
SLACK_KIB = 16 << 10
# A process may fork while the others are being killed.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Finished:
    """How a child ended.

    `exit_code` is negative for a signal; `seconds` wall time, `cpu_seconds` user + system of
    the child and its waited-for descendants. `peak_memory_bytes` is the most that was seen
    of the child with its descendants, or of one of them; 0 for a child too short to see.
    """

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    timed_out: bool = False
    stopped: bool = False
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """When to end a child early, and whom to tell that it takes long.

    A child that with its descendants takes more than `memory_bytes` is killed.
    `grace_s` lies between SIGTERM and SIGKILL; None means `GRACE_S`.
    """

    timeout_s: float | None = None
    memory_bytes: int | None = None
    stop: threading.Event | None = None
    grace_s: float | None = None
    on_long: Callable[[], None] | None = None
    guard: Guard | None = None


class Guard:
    """A small process that ends the children of this one should this one be killed.

    It learns of each child through a pipe; when the pipe closes (this process is gone,
    however it went), it ends the process groups that are still on its list, and every
    process that carries `mark` in its environment: a child that was not announced yet, or
    one that left its group.
    """

    _SCRIPT = """
        trap '' INT TERM HUP
        while read -r op pid; do case $op in
            +) set -- "$@" "$pid" ;;
            -) n=$#; while [ "$n" -gt 0 ]; do
                   p=$1; shift; [ "$p" = "$pid" ] || set -- "$@" "$p"; n=$((n-1))
               done ;;
        esac; done
        sleep 0.2
        marked() { for e in /proc/[0-9]*/environ; do
            grep -qs "$0" "$e" && { e=${e#/proc/}; echo "${e%/environ}"; }
        done; }
        end() { for p in "$@"; do kill -"$signal" -"$p"; done
            for p in $(marked); do kill -"$signal" "$p"; done; }
        [ $# -gt 0 ] || [ -n "$(marked)" ] || exit 0
        signal=TERM; end "$@"; sleep 2; signal=KILL; end "$@"
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.mark = f"SCALABLE_GUARD={uuid.uuid4().hex}"
        self._numbers = itertools.count(1)
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", self._SCRIPT, self.mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environ),
            start_new_session=True,
        )

    def add(self, pid: int) -> None:
        """Watch over the process group `pid`."""
        self._say(f"+ {pid}\n")

    def remove(self, pid: int) -> None:
        """The group `pid` has ended."""
        self._say(f"- {pid}\n")

    def next_mark(self) -> str:
        """A mark for one child, which starts with that of all children."""
        return f"{self.mark}-{next(self._numbers)}"

    def sweep(self) -> None:
        """End every process that children have left behind."""
        end_marked(self.mark)

    def close(self) -> None:
        """End the guard itself."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait()

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                # One write below PIPE_BUF is whole, whichever thread it comes from.
                os.write(self._process.stdin.fileno(), line.encode())


@contextlib.contextmanager
def temporary_folder() -> Iterator[str]:
    """A folder that is gone with the block, and also should this process be killed."""
    with (
        tempfile.TemporaryDirectory(prefix="scalable-", ignore_cleanup_errors=True) as folder,
        removed_if_killed(folder),
    ):
        yield folder


@contextlib.contextmanager
def removed_if_killed(*folders: str) -> Iterator[None]:
    """A small process removes the folders if this one is gone before the block has ended."""
    # Twice, because children of this process may take a moment to go.
    script = 'trap "" INT TERM HUP; read -r _ || for s in 1 4; do sleep $s; rm -rf -- "$@"; done'
    broom = subprocess.Popen(
        ["/bin/sh", "-c", script, "scalable", *folders],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=own_environ(),
        start_new_session=True,
        cwd="/",
    )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            broom.communicate(b"\n")


def run_child(
    argv: Sequence[str], *, cwd: Path, environ: Mapping[str, str], log: IO[bytes], watch: Watch
) -> Finished:
    """Run `argv` with stdout and stderr in `log` until it ends; its whole group ends with it.

    At the time limit or a stop the group gets SIGTERM, and SIGKILL after the grace time.
    Raises OSError when the program cannot be started.
    """
    started = time.monotonic()
    environ = dict(environ)
    mark = None if watch.guard is None else watch.guard.next_mark()
    if mark is not None:
        name, _, value = mark.partition("=")
        environ[name] = value
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    if watch.guard is not None:
        watch.guard.add(child.pid)
    try:
        seen = _watch(child.pid, started, watch)
        _, status, usage = os.wait4(child.pid, 0)
    finally:
        # What the child left in the background ends with it.
        signal_group(child.pid, signal.SIGKILL)
        # Looking through /proc takes milliseconds: what short children leave ends with the run.
        if mark is not None and time.monotonic() - started >= POLL_S:
            end_marked(mark)
        if watch.guard is not None:
            watch.guard.remove(child.pid)
    child.returncode = os.waitstatus_to_exitcode(status)
    # A child's maximum starts at this process's own, from before its exec (exec_mmap in Linux).
    largest = usage.ru_maxrss * 1024 if usage.ru_maxrss > inherited + SLACK_KIB else 0
    return Finished(
        child.returncode,
        time.monotonic() - started,
        usage.ru_utime + usage.ru_stime,
        max(largest, seen.memory_bytes),
        seen.timed_out,
        seen.stopped and not seen.timed_out,
        seen.out_of_memory,
    )


def end_marked(mark: str) -> None:
    """Kill the processes with this mark, alone or followed by a dash, in their environment."""
    for _ in range(_ROUNDS):
        found = marked(mark)
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """The processes with this mark; none where /proc does not tell."""
    found = []
    whole, start = f"{mark}\0".encode(), f"{mark}-".encode()
    with contextlib.suppress(OSError), os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                with contextlib.suppress(OSError), open(f"{entry.path}/environ", "rb") as stream:
                    environ = stream.read()
                    if whole in environ or start in environ:
                        found.append(int(entry.name))
    return found


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to every process of a group; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def is_alive(pid: int, started: str) -> bool:
    """Whether the process that `start_time` told apart as `started` still works here."""
    fields = _stat(pid)
    if fields is not None:
        # A zombie has ended; in a container there may be nobody to reap it.
        return fields[0] not in ("Z", "X") and fields[19] == started
    return not started and _exists(pid)


def start_time(pid: int) -> str | None:
    """When the process started, in the kernel's clock ticks: tells a reused number apart."""
    fields = _stat(pid)
    return None if fields is None else fields[19]


@cache
def machine() -> str:
    """Where a process number means something: this boot of this machine, and the namespace."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return f"{stream.read().strip()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the name: state first, start time in the 20th place."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            fields = stream.read().rpartition(b")")[2].decode().split()
    except OSError:
        return None
    return fields if len(fields) > 19 else None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass
class _Seen:
    timed_out: bool = False
    stopped: bool = False
    out_of_memory: bool = False
    memory_bytes: int = 0


def _watch(pid: int, started: float, watch: Watch) -> _Seen:
    """Wait until the child can be reaped; what was seen meanwhile."""
    seen, told = _Seen(), False
    pause = FIRST_POLL_S
    kill_at: float | None = None
    with _ended(pid) as wait:
        while not wait(pause):
            now = time.monotonic()
            pause = min(4 * pause, POLL_S)
            seen.memory_bytes = max(seen.memory_bytes, _resident_bytes(pid))
            if not told and watch.on_long is not None and now - started >= POLL_S:
                watch.on_long()
                told = True
            if watch.memory_bytes is not None and seen.memory_bytes > watch.memory_bytes:
                seen.out_of_memory = True
                signal_group(pid, signal.SIGKILL)
            elif kill_at is not None:
                if now >= kill_at:
                    signal_group(pid, signal.SIGKILL)
            elif _is_over(seen, now - started, watch):
                signal_group(pid, signal.SIGTERM)
                kill_at = now + (GRACE_S if watch.grace_s is None else watch.grace_s)
    return seen


def _is_over(seen: _Seen, seconds: float, watch: Watch) -> bool:
    seen.timed_out = watch.timeout_s is not None and seconds >= watch.timeout_s
    seen.stopped = watch.stop is not None and watch.stop.is_set()
    return seen.timed_out or seen.stopped


def _resident_bytes(pid: int) -> int:
    """The resident memory of a process and its descendants; 0 where /proc does not tell."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:
            total = int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as stream:
            children = stream.read().split()
    except (OSError, IndexError):
        return 0
    return total + sum(_resident_bytes(int(child)) for child in children)


@contextlib.contextmanager
def _ended(pid: int) -> Iterator[Callable[[float], bool]]:
    """Give a function that waits up to so many seconds and tells whether the child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # Linux before 5.3
        yield lambda seconds: _poll(pid, seconds)
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield lambda seconds: bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _poll(pid: int, seconds: float) -> bool:
    pause, until = 0.001, time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() >= until:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
    return True


def run_program(
    argv: Sequence[str], *, environ: Mapping[str, str], timeout_s: float = 30.0
) -> tuple[int, str, str]:
    """Run a short program; its exit code, stdout and stderr. Raises OSError, TimeoutError."""
    try:
        done = subprocess.run(
            list(argv),
            env=dict(environ),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f'"{argv[0]}" did not answer in {timeout_s:.0f} s') from error
    return done.returncode, done.stdout, done.stderr
