"""The lease: proof in the run directory that a head is at work, and that there is but one.

A head takes a run by creating the key `lease/<generation>`, one above the newest. A store
creates a key only once, so of several heads that try, one wins. Claims stay; whoever finds the
claim above its own has lost the run. `lease.json` says who holds it now, and until when.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError, StorageError
from scalable_cli.host.patience import Patience, persist
from scalable_cli.host.process import is_alive, machine, start_time
from scalable_cli.model.codec import decode, encode
from scalable_cli.store.patient import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.engine.rundir import RunDirectory

LEASE_S = 60.0
RENEW_S = 15.0
LEASE = "lease.json"
GIVE_BACK_S = 5.0
_ROUNDS = 20


class LostLeaseError(RefusedError):
    """Another head has taken the run over: this one must not write to it any more."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a run; `expires` in seconds since the epoch, `machine` where `pid` is valid."""

    host: str
    machine: str
    pid: int
    started: str
    expires: float
    generation: int
    released: bool = False

    def alive(self, now: float) -> bool:
        """Whether that head is still at work: asked of this machine, else believed until expiry."""
        if self.released:
            return False
        if self.machine == machine():
            return is_alive(self.pid, self.started)
        return now < self.expires


def read_holder(run: RunDirectory) -> Holder | None:
    """Who holds the run; None when nobody does or the lease cannot be read."""
    return _read(run, LEASE)


def last_claim(run: RunDirectory) -> tuple[int, Holder | None]:
    """The newest generation of a run's heads, 0 before the first, and its head where readable."""
    keys = [entry.key for entry in run.store.scan(run.key("lease/"))]
    if not keys:
        return 0, None
    name = keys[-1].removeprefix(run.key(""))
    claim, renewed = _read(run, name), read_holder(run)
    if claim is not None and renewed is not None and renewed.generation == claim.generation:
        claim = replace(claim, expires=renewed.expires)
    return int(name.removeprefix("lease/")), claim


def require_free(run: RunDirectory, now: float) -> int:
    """The newest generation of a run that no head holds; raises RefusedError when one does."""
    newest, holder = last_claim(run)
    if holder is not None and holder.alive(now):
        raise RefusedError(
            f"{run.id} is still going on (process {holder.pid} on {holder.host})",
            hint=f"scalable status {run.id}",
        )
    return newest


class Lease:
    """Held by the head while it works, renewed by a thread, given back at the end."""

    def __init__(self, run: RunDirectory, now: Callable[[], float]) -> None:
        self._run, self._now = run, now
        # A store that waits for better times would hold up the head's end.
        self._impatient = replace(run, store=plain(run.store))
        self.generation = 0
        self._lost = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        """Take the lease; raises RefusedError while another head holds it, StorageError."""
        for _ in range(_ROUNDS):
            self.generation = require_free(self._run, self._now()) + 1
            if self._claim():
                self._run.write_json(LEASE, encode(self._holder()))
                self._thread.start()
                return self
        raise RefusedError(f"others are taking {self._run.id} over all the time")

    def __exit__(self, *exc: object) -> None:
        """Give the lease back, unless it is lost; one that cannot be given back expires."""
        self._done.set()
        self._thread.join()
        with contextlib.suppress(LostLeaseError, StorageError):
            persist(self._give_back, Patience(total_s=GIVE_BACK_S))

    def _give_back(self) -> None:
        self.verify()
        released = replace(self._holder(), released=True)
        self._impatient.write_json(_claim(self.generation), encode(released))
        self._impatient.store.delete(self._run.key(LEASE))

    @property
    def lost(self) -> bool:
        """Whether another head was found to have taken the run over."""
        return self._lost

    def verify(self) -> None:
        """Raise LostLeaseError when another head has taken the run over; StorageError.

        To be called before each write. What a head writes in the moment between, whole as
        each write is, goes to segments of the journal and results that nobody else writes.
        """
        above = self._run.key(_claim(self.generation + 1))
        if not self._lost and self._impatient.store.stat(above) is None:
            return
        self._lost = True
        raise LostLeaseError(
            f"another process has taken {self._run.id} over",
            hint=f"scalable status {self._run.id}",
        )

    def _claim(self) -> bool:
        """Whether this head has the generation now."""
        holder, name = self._holder(), _claim(self.generation)
        created = self._run.write_json(name, encode(holder), create_only=True)
        # A write that was tried again may have found what it wrote itself the first time.
        return created or _read(self._run, name) == holder

    def _renew(self) -> None:
        while not self._done.wait(RENEW_S):
            try:
                self.verify()
                self._impatient.write_json(LEASE, encode(self._holder()))
            except LostLeaseError:
                return
            except StorageError:
                continue  # the store may be back before the lease ends

    def _holder(self) -> Holder:
        pid = os.getpid()
        expires = round(self._now() + LEASE_S, 3)
        started = start_time(pid) or ""
        return Holder(socket.gethostname(), machine(), pid, started, expires, self.generation)


def _claim(generation: int) -> str:
    return f"lease/{generation:06d}"


def _read(run: RunDirectory, name: str) -> Holder | None:
    if run.store.stat(run.key(name)) is None:
        return None
    try:
        return decode(Holder, run.read_json(name))
    except (StorageError, KeyError, TypeError, ValueError):
        return None
