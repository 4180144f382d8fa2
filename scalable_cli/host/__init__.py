"""The outside world as one value: environment, streams, clock, and the machine's size."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What PyInstaller's bootloader adds for its own sake (facts measured: a step's `env`).
_BUNDLE_PREFIXES = ("_PYI_", "_MEIPASS")
# What Dask's nanny sets for the worker that it starts.
_NANNY, _NANNY_HASH_SEED = "__DASK_PARENT_PID", "6640"
_RESTORED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")


@dataclass(frozen=True)
class Host:
    """What a command may know of, and do to, the world around it."""

    environ: Mapping[str, str]
    cwd: Path
    stdin: TextIO
    out: TextIO
    err: TextIO
    now: Callable[[], float] = field(default=time.time)

    @classmethod
    def current(cls) -> Host:
        """The world of this process; standard streams write any text without failing."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return cls(user_environ(os.environ), Path.cwd(), sys.stdin, sys.stdout, sys.stderr)

    @classmethod
    def of_library(cls) -> Host:
        """The world of a program that imports this package: as it is now, left as it is."""
        return cls(user_environ(os.environ), Path.cwd(), sys.stdin, sys.stdout, sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether a question can be asked: both ends are a terminal and this is not CI."""
        return self.stdin.isatty() and self.err.isatty() and not self.environ.get("CI")


def user_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without what the bundle, Dask's nanny or Python put into it."""
    clean = {k: v for k, v in environ.items() if not k.startswith(_BUNDLE_PREFIXES)}
    if clean.pop(_NANNY, None) is not None and clean.get("PYTHONHASHSEED") == _NANNY_HASH_SEED:
        del clean["PYTHONHASHSEED"]
    for name in _RESTORED:
        original = clean.pop(f"{name}_ORIG", None)
        if original is not None:
            clean[name] = original
        elif getattr(sys, "frozen", False):
            clean.pop(name, None)
    return clean


@cache
def _own_environ() -> dict[str, str]:
    clean = user_environ(os.environ)
    # Python sets it for itself where no locale is set (PEP 538).
    if clean.get("LC_CTYPE") == "C.UTF-8" and "\0LC_CTYPE=" not in f"\0{_first_environ()}":
        del clean["LC_CTYPE"]
    return clean


def _first_environ() -> str:
    """The environment that this process was started with; LC_CTYPE where that cannot be told."""
    try:
        return Path("/proc/self/environ").read_bytes().decode(errors="replace")
    except OSError:
        return "LC_CTYPE="


def own_environ() -> dict[str, str]:
    """This process's environment as it was when first asked, without the bundle's part."""
    return dict(_own_environ())


def cpu_count() -> int:
    """The processors that this process may use: affinity, and the cgroup's quota rounded up."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _cgroup_cpus()
    return max(1, min(count or 1, quota) if quota else count or 1)


def memory_bytes() -> int:
    """The memory that this process may use: the machine's, or the cgroup's limit if lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = _read(name)
        if text and text.isdigit():
            total = min(total, int(text))
    return total


@cache
def umask() -> int:
    """The permission bits that this process, when first asked, withholds from files it makes."""
    for line in (_read("/proc/self/status") or "").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    mask = os.umask(0o077)  # elsewhere it can only be told by setting it
    os.umask(mask)
    return mask


def _cgroup_cpus() -> int | None:
    text = _read("/sys/fs/cgroup/cpu.max")
    if text:
        quota, _, period = text.partition(" ")
    else:
        quota = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") or "max"
        period = _read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") or "100000"
    if not quota.isdigit() or not period.isdigit():
        return None
    return max(1, -(-int(quota) // int(period)))


def _read(name: str) -> str | None:
    try:
        return Path(name).read_text().strip()
    except OSError:
        return None
