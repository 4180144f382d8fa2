"""A request to end a run, left in its directory for the head to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.engine.limits import Halt, Mode
from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from scalable_cli.engine.rundir import RunDirectory

STOP_KEY = "stop"
LOOK_EVERY_S = 1.0


def request_stop(run: RunDirectory, mode: Mode, now: float) -> None:
    """Ask the head of a run to end it."""
    run.write_json(STOP_KEY, {"mode": mode.value, "at": round(now, 3)})


def stop_request(run: RunDirectory) -> Halt | None:
    """What was asked of this run; None when nothing was or the store does not answer."""
    try:
        if run.store.stat(run.key(STOP_KEY)) is None:
            return None
        mode = Mode(str(run.read_json(STOP_KEY).get("mode")))
    except (StorageError, ValueError):
        return None
    return Halt(mode, "stopped on request")


def clear_stop(run: RunDirectory, until: float | None = None) -> None:
    """Forget a request: the run goes on; with `until`, one that was made up to then."""
    if until is None or _asked_at(run) <= until:
        run.store.delete(run.key(STOP_KEY))


def _asked_at(run: RunDirectory) -> float:
    """When a request was made; 0 when there is none that can be read."""
    try:
        if run.store.stat(run.key(STOP_KEY)) is None:
            return 0.0
        return float(str(run.read_json(STOP_KEY).get("at")))
    except (StorageError, ValueError):
        return 0.0
