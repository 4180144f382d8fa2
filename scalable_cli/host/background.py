"""A process that goes on without this one, and this program's own command line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PACKAGE = "scalable_cli"


@dataclass(frozen=True)
class Background:
    """A process in a session of its own: no terminal's end and no Ctrl-C reaches it."""

    _child: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its number, which is also that of its session."""
        return self._child.pid

    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it goes on."""
        return self._child.poll()

    def has(self, pid: int) -> bool:
        """Whether the process `pid` is this one or came from it (the single file forks)."""
        try:
            return os.getsid(pid) == self._child.pid
        except OSError:
            return False


def start_background(
    argv: Sequence[str], *, cwd: Path, environ: Mapping[str, str], log: Path
) -> Background:
    """Start `argv` with stdout and stderr behind what `log` holds; raises OSError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab", buffering=0) as stream:
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Background(child)


def own_argv(cwd: Path) -> list[str]:
    """What starts this very program again from `cwd`: the single file, or Python with it."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    place = Path(__file__).resolve().parents[2]
    if place.is_file():  # a zip file
        return [sys.executable, str(place)]
    # Without -P a folder of the same name where the user happens to be would be imported.
    safe = [] if place == cwd.resolve() else ["-P"]
    return [sys.executable, *safe, "-m", PACKAGE]
