"""Running a plan here: the head in this process, the run directory as its only memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from scalable_cli import __version__, wiring
from scalable_cli.engine.code import store_code
from scalable_cli.engine.compose import (
    Composer,
    context_of,
    local_cache,
    read_folders,
    store_inputs,
)
from scalable_cli.engine.control import clear_stop
from scalable_cli.engine.head import Ended, Head
from scalable_cli.engine.lease import Lease
from scalable_cli.engine.ledger import Ledger, Observer
from scalable_cli.engine.limits import Limits
from scalable_cli.engine.rundir import RunDirectory, RunFacts, create_run, load_plan
from scalable_cli.engine.worker import CONTEXT
from scalable_cli.errors import RefusedError, ScalableError, StorageError
from scalable_cli.journal.events import Kind
from scalable_cli.journal.fold import read_events
from scalable_cli.journal.writer import JournalWriter
from scalable_cli.model.codec import encode
from scalable_cli.model.manifest import Provider
from scalable_cli.model.run import Run, RunState
from scalable_cli.report import new_fold
from scalable_cli.report.fold import describe
from scalable_cli.session.crew import crew_of
from scalable_cli.session.following import WorkflowFile, follow
from scalable_cli.session.python import find_python, require_scalable
from scalable_cli.session.watchdog import Watchdog
from scalable_cli.store.cache import StepCache
from scalable_cli.store.patient import patient
from scalable_cli.store.verified import Verified

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scalable_cli.host import Host
    from scalable_cli.model.estimate import Estimate
    from scalable_cli.model.plan import Plan
    from scalable_cli.session.open import Session


@dataclass(frozen=True, slots=True)
class RunRequest:
    """How a plan is to be run, and what it may take (`budget` in USD).

    `workflow` is a Python file, relative to the manifest's folder, to run in place of the
    project's; its stdout goes to `out`, None being the host's.
    """

    argv: tuple[str, ...] = ()
    keep_going: bool = False
    budget: Decimal | None = None
    max_duration_s: float | None = None
    max_failures: int | None = None
    python: str | None = None
    workflow: str | None = None
    out: TextIO | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that came to an end, and where it lies."""

    run: Run
    directory: RunDirectory


def run_plan(
    session: Session,
    plan: Plan,
    estimate: Estimate | None,
    request: RunRequest,
    observe: Callable[[RunDirectory], Observer] | None = None,
) -> RunResult:
    """Make a run directory and run the plan to its end on the local target.

    KeyboardInterrupt and SystemExit go on up after the run has been ended cleanly.
    Otherwise as `prepare_run`.
    """
    run, plan = prepare_run(session, plan, estimate, request)
    return _execute(run, plan, session.host, observe, request.out)


def prepare_run(
    session: Session, plan: Plan, estimate: Estimate | None, request: RunRequest
) -> tuple[RunDirectory, Plan]:
    """Make a run directory with all that a head needs; and the plan with its workflow.

    Raises RefusedError before anything is written when this version cannot start it.
    """
    manifest, host = session.manifest, session.host
    wiring.require_launcher(manifest.target)
    plan = replace(plan, workflow=request.workflow or plan.workflow)
    _check_workflow(plan)
    python = _python_for(plan, request, host)
    facts = RunFacts(
        __version__,
        round(host.now(), 3),
        Path(manifest.folder, Path(manifest.path).name).read_text(encoding="utf-8"),
        request.argv,
        estimated=str(estimate.total) if estimate and not estimate.incomplete else None,
        estimated_s=str(estimate.time.seconds) if estimate else None,
        python=python,
        keep_going=request.keep_going,
        budget=None if request.budget is None else str(request.budget),
        max_duration_s=request.max_duration_s,
        max_failures=request.max_failures,
    )

    def fill(run: RunDirectory) -> None:
        run.write_json(CONTEXT, encode(context_of(plan, run)))
        if plan.code:
            store_code(run.store, run.id, plan.code_digest, plan.code, Path(manifest.folder))
        store_inputs(plan, run)

    return create_run(session.store, plan, facts, fill), plan


def resume_run(
    run: RunDirectory,
    host: Host,
    observe: Callable[[RunDirectory], Observer] | None = None,
    out: TextIO | None = None,
) -> RunResult:
    """Go on with a run that failed, was stopped or lost its head, from its directory alone.

    A workflow file is run again from its beginning; `out` as in `RunRequest`. A request to
    stop that is left is forgotten.
    """
    run, plan = _open(run)
    return _execute(run, plan, host, observe, out, forget_stop=True)


def lead_run(
    run: RunDirectory,
    host: Host,
    observe: Callable[[RunDirectory], Observer] | None = None,
    out: TextIO | None = None,
) -> RunResult:
    """As `resume_run`, for a head that nobody started by hand: a request to stop holds."""
    run, plan = _open(run)
    return _execute(run, plan, host, observe, out)


def _open(run: RunDirectory) -> tuple[RunDirectory, Plan]:
    run = RunDirectory(patient(run.store), run.id)
    plan = load_plan(run)
    workflow = run.read_json("run.json").get("workflow")
    wiring.require_launcher(plan.manifest.target)
    return run, replace(plan, workflow=str(workflow) if workflow else None)


def _execute(
    run: RunDirectory,
    plan: Plan,
    host: Host,
    observe: Callable[[RunDirectory], Observer] | None,
    out: TextIO | None,
    *,
    forget_stop: bool = False,
) -> RunResult:
    facts, started = run.read_json("run.json"), time.monotonic()
    fold = new_fold(facts)
    with Lease(run, host.now) as lease:
        for event in read_events(run.store, run.id):
            fold.take(event)
        if fold.state is RunState.DONE:
            raise RefusedError(f"{run.id} is done", hint=f"scalable report {run.id}")
        journal = JournalWriter(run.store, run.id, host.now, verify=lease.verify)
        observer = observe(run) if observe else None
        cache = StepCache(run.store, Verified(run.store, local_cache(plan)))
        ledger = Ledger(plan, run, cache, journal, fold, observer, host.now)
        clear_stop(run, None if forget_stop else fold.ended or 0.0)
        ledger.record(
            Kind.RUN_STARTED,
            head=socket.gethostname(),
            pid=os.getpid(),
            generation=lease.generation,
        )
        ledger.flush()
        ended = Ended(RunState.STOPPED, "the head failed")
        try:
            steps = _head(plan, ledger, facts, host).execute()
            if plan.workflow and steps.state is RunState.DONE:
                if observer is not None:
                    observer.on_output()
                file = _workflow_file(run, plan, str(facts["python"]), host, out)
                steps = _follow(file, ledger, Watchdog(run, _limits(facts), started))
            ended = steps
        except KeyboardInterrupt:
            ended = Ended(RunState.STOPPED, "interrupted")
            raise
        except StorageError as error:
            ended = Ended(RunState.STOPPED, error.text)
            raise _with_resume(error, run) from error
        except ScalableError as error:
            ended = Ended(RunState.STOPPED, error.text)
            raise
        finally:
            if not lease.lost:
                # First, because it may be what fills the disk that the journal needs.
                shutil.rmtree(context_of(plan, run).scratch, ignore_errors=True)
                _finish(ledger, ended, plan)
    return RunResult(describe(run, facts, fold, host.now()), run)


def _follow(file: WorkflowFile, ledger: Ledger, watchdog: Watchdog) -> Ended:
    """Run the workflow file to its end, or until the run must end."""
    try:
        with watchdog:
            return Ended(follow(file, ledger.journal, ledger.fold))
    except KeyboardInterrupt:
        if watchdog.halt is None:
            raise
        return Ended(RunState.STOPPED, watchdog.halt.reason)


def _finish(ledger: Ledger, ended: Ended, plan: Plan) -> None:
    """Write down the end; raises StorageError when the journal cannot take it."""
    cost = "0" if plan.manifest.target.provider is Provider.LOCAL else None
    ledger.record(Kind.RUN_ENDED, state=ended.state.value, reason=ended.reason, cost=cost)
    try:
        ledger.flush(force=True)
    except StorageError as error:
        raise _with_resume(error, ledger.run) from error
    finally:
        with contextlib.suppress(StorageError):
            ledger.journal.close()
    with contextlib.suppress(StorageError):  # the next plan gives fewer reasons, no more
        ledger.remember()


def _with_resume(error: StorageError, run: RunDirectory) -> StorageError:
    """The error, with the way to go on once it is mended."""
    resume = f"scalable resume {run.id}"
    hint = error.hint or "see that the storage can be read and written"
    if resume not in hint:
        hint = f"{hint}; then: {resume}"
    return StorageError(error.text, hint=hint, lasting=error.lasting)


def _head(plan: Plan, ledger: Ledger, facts: dict[str, object], host: Host) -> Head:
    components = [planned.component for planned in plan.tasks]
    limits, python = _limits(facts), facts.get("python")
    opening = crew_of(plan.manifest.target, components, ledger.run, host, limits.duration_s)
    return Head(
        plan,
        ledger,
        Composer(plan, ledger.run, str(python) if python else None, read_folders(ledger.run)),
        opening.crew,
        opening.open_client,
        keep_going=facts.get("keep_going") is True,
        limits=limits,
    )


def _limits(facts: Mapping[str, object]) -> Limits:
    """The limits that `run.json` holds."""
    budget, duration, failures = (
        facts.get(name) for name in ("budget", "max_duration_s", "max_failures")
    )
    return Limits(
        None if budget is None else Decimal(str(budget)),
        None if duration is None else float(str(duration)),
        None if failures is None else int(str(failures)),
    )


def _workflow_file(
    run: RunDirectory, plan: Plan, python: str, host: Host, out: TextIO | None
) -> WorkflowFile:
    folder = Path(plan.manifest.folder)
    path = Path(os.path.normpath(folder / (plan.workflow or "")))
    return WorkflowFile(run, path, folder, python, host, out or host.out)


def _check_workflow(plan: Plan) -> None:
    """Raise RefusedError when the workflow is needed and is not there."""
    waiting = [planned.task.name for planned in plan.tasks if planned.task.runs_in_workflow]
    if plan.workflow is None and waiting:
        raise RefusedError(
            f'task "{waiting[0]}" has no command, and the project has no workflow',
            hint="give it a command, or write workflow.py beside the manifest",
        )
    if plan.workflow and not Path(plan.manifest.folder, plan.workflow).is_file():
        raise RefusedError(f'there is no workflow "{plan.workflow}"')


def _python_for(plan: Plan, request: RunRequest, host: Host) -> str | None:
    """The user's Python, when something in the plan needs one."""
    if not plan.workflow and not any(planned.task.python for planned in plan.tasks):
        return None
    python = find_python(request.python, host)
    if plan.workflow:
        require_scalable(python, host)
    return python
