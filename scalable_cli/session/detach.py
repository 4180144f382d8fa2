"""A head in the background: started for a run directory, left alone once it has the lease."""

from __future__ import annotations

import re
import signal
import time
from typing import TYPE_CHECKING

from scalable_cli.engine.control import clear_stop
from scalable_cli.engine.lease import last_claim, read_holder, require_free
from scalable_cli.errors import (
    Exit,
    ImageError,
    ProviderError,
    RefusedError,
    ScalableError,
    SetupError,
    StorageError,
    UsageError,
)
from scalable_cli.host.background import own_argv, start_background
from scalable_cli.host.process import machine

if TYPE_CHECKING:
    from pathlib import Path

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.host import Host
    from scalable_cli.host.background import Background

HEAD_LOG = "logs/head.log"
# A large plan takes a while to read; the head is left alone after this in any case.
PATIENCE_S = 60.0
_POLL_S = 0.05
# How a run ends that its head has worked at.
_ENDINGS = (Exit.OK, Exit.STEP_FAILED, Exit.STOPPED)
_KINDS: dict[int, type[ScalableError]] = {
    kind.exit: kind
    for kind in (UsageError, SetupError, RefusedError, ProviderError, StorageError, ImageError)
}
_ERROR = re.compile(r"^scalable: error: (.*)(?:\n  help: (.*))?", re.MULTILINE)


def start_head(run: RunDirectory, host: Host) -> int:
    """Start `scalable head` for a run and wait until it has the lease; its process number.

    It lives in a session of its own, with its output in `logs/head.log` of the run. Raises
    what the head ended with where it ended before it began; RefusedError for a run whose
    storage is not on this machine.
    """
    log = run.store.local_path(run.key(HEAD_LOG))
    if log is None:
        raise RefusedError(f'a head on this machine needs its run in a folder, not in "{run.uri}"')
    newest, _ = last_claim(run)
    before = log.stat().st_size if log.exists() else 0
    argv = [*own_argv(host.cwd), "head", run.uri]
    try:
        head = start_background(argv, cwd=host.cwd, environ=host.environ, log=log)
    except OSError as error:
        raise SetupError(f'cannot start "{argv[0]}": {error.strerror}') from error
    return _await_lease(run, head, newest, _Said(log, before))


def resume_detached(run: RunDirectory, host: Host) -> int:
    """As `start_head`, for a run that was stopped or lost; raises RefusedError while it goes on."""
    require_free(run, host.now())
    clear_stop(run)
    return start_head(run, host)


class _Said:
    """What a head has written to its log since it was started."""

    def __init__(self, log: Path, before: int) -> None:
        self._log, self._before = log, before

    def text(self) -> str:
        try:
            return self._log.read_bytes()[self._before :].decode("utf-8", "replace")
        except OSError:
            return ""


def _await_lease(run: RunDirectory, head: Background, newest: int, said: _Said) -> int:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        holder = read_holder(run)
        if holder is not None and holder.machine == machine() and head.has(holder.pid):
            return holder.pid
        code = head.exit_code()
        if code is not None:
            if code in _ENDINGS and last_claim(run)[0] > newest:
                break  # it had little to do
            raise _error(code, said.text(), run)
        time.sleep(_POLL_S)
    return head.pid


def _error(code: int, text: str, run: RunDirectory) -> ScalableError:
    """What a head that has not begun said last, as the error that it was."""
    hint = f"scalable resume {run.id}"
    if code < 0:
        return ProviderError(f"the head was killed by {signal.Signals(-code).name}", hint=hint)
    said = list(_ERROR.finditer(text))
    kind = _KINDS.get(code, ScalableError)
    if said:
        return kind(said[-1][1], hint=said[-1][2] or hint)
    last = text.strip().rpartition("\n")[2]
    return kind(f"the head ended at once: {last or f'exit code {code}'}", hint=hint)
