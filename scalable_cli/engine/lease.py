"""The lease: proof in the run directory that a head is at work."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError, StorageError
from scalable_cli.host.process import is_alive, start_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.engine.rundir import RunDirectory

LEASE_S = 60.0
RENEW_S = 15.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a run, as its lease says; `expires` in seconds since the epoch."""

    host: str
    pid: int
    started: str
    expires: float

    def alive(self, now: float) -> bool:
        """Whether that head is still at work: asked of this machine, else believed until expiry."""
        if self.host == socket.gethostname():
            return is_alive(self.pid) and (start_time(self.pid) or "") == self.started
        return now < self.expires


def read_holder(run: RunDirectory) -> Holder | None:
    """Who holds the run; None when nobody does or the lease cannot be read."""
    if run.store.stat(run.key("lease.json")) is None:
        return None
    try:
        lease = run.read_json("lease.json")
        return Holder(
            str(lease["host"]),
            int(str(lease["pid"])),
            str(lease["started"]),
            float(str(lease["expires"])),
        )
    except (StorageError, KeyError, ValueError):
        return None


class Lease:
    """Held by the head while it works, renewed by a thread, given back at the end."""

    def __init__(self, run: RunDirectory, now: Callable[[], float]) -> None:
        self._run, self._now = run, now
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        """Take the lease; raises RefusedError while another head holds it."""
        holder = read_holder(self._run)
        if holder is not None and holder.alive(self._now()):
            raise RefusedError(
                f"{self._run.id} is still going on (process {holder.pid} on {holder.host})",
                hint=f"scalable status {self._run.id}",
            )
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Give the lease back."""
        self._done.set()
        self._thread.join()
        self._run.store.delete(self._run.key("lease.json"))

    def _renew(self) -> None:
        while not self._done.wait(RENEW_S):
            try:
                self._write()
            except StorageError:
                continue  # the store may be back before the lease ends

    def _write(self) -> None:
        self._run.write_json(
            "lease.json",
            {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "started": start_time(os.getpid()) or "",
                "expires": round(self._now() + LEASE_S, 3),
            },
        )
