"""The Python side: a session of a manifest, as programs, notebooks and workflow files use it."""

from __future__ import annotations

import atexit
import contextlib
import sys
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scalable_cli import wiring
from scalable_cli.engine.cacheable import storage
from scalable_cli.engine.futures import CallTask, WorkflowClient
from scalable_cli.errors import RefusedError
from scalable_cli.host import Host, cpu_count, memory_bytes
from scalable_cli.journal.events import Kind
from scalable_cli.model.estimate import Estimate, Period, What
from scalable_cli.session.artifacts import check_key, store
from scalable_cli.session.attached import attached
from scalable_cli.session.open import Session, open_session
from scalable_cli.session.recording import WorkflowRun, make_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scalable_cli.manifest import ManifestSource
    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.estimate import Line
    from scalable_cli.model.launcher import Shape
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.plan import Plan, Step


@dataclass(frozen=True)
class CostEstimate:
    """What a run costs, in `currency` (USD). `lines` have the parts with where each is from.

    `total` = `compute` + `transfer` is paid once: machines and all that comes with them, and
    bytes that leave the cloud. `storage` is paid every month. A line whose price is not known
    has cost None and is in no sum: `incomplete` tells.
    """

    total: Decimal
    compute: Decimal
    transfer: Decimal
    storage: Decimal
    currency: str
    incomplete: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class SessionPlan:
    """What a run would do and cost: nothing has been started.

    `steps` are those of the tasks with a command, in order; a workflow's steps are not known
    before it runs. `seconds` is the estimated wall time.
    """

    target: str
    manifest_lock: str
    steps: tuple[Step, ...]
    cost_estimate: CostEstimate
    seconds: Decimal

    @property
    def to_run(self) -> int:
        """How many steps are not cached."""
        return sum(1 for step in self.steps if not step.cached)


class ScalableSession:
    """A manifest resolved for one target. Make one with `from_yaml`.

    `with session.start() as client:` gives the cluster; `with session:` closes it too.
    """

    def __init__(self, session: Session, run: WorkflowRun | None = None) -> None:
        self._session = session
        self._run = run
        self._own = run is None
        self._client: WorkflowClient | None = None

    @classmethod
    def from_yaml(
        cls,
        path: str | Path = "./scalable.yaml",
        target: str | None = None,
        overlay: str | None = None,
    ) -> ScalableSession:
        """Open a manifest for `target`, else for `$SCALABLE_TARGET`, else for its first target.

        Within `scalable run` the session of the run's own manifest is part of that run: its
        target, overlay and settings hold, whatever is given here. Raises ManifestError with
        every problem, UsageError for an unknown target or overlay.
        """
        host = Host.of_library()
        around = attached()
        if around is not None and _is_manifest(host.cwd / path, around[0]):
            # The run's manifest is resolved already, with options that are not known here.
            source = cast("ManifestSource", None)
            return cls(Session(host, source, around[0]), around[1])
        return cls(open_session(str(path), host, target=target, overlay=overlay))

    @property
    def manifest(self) -> Manifest:
        """The resolved manifest."""
        return self._session.manifest

    @property
    def run_id(self) -> str | None:
        """The run's name; None before `start` or `store_artifact` has made one."""
        return self._run.directory.id if self._run else None

    @property
    def run_uri(self) -> str | None:
        """Where the run lies; None before there is one."""
        return self._run.directory.uri if self._run else None

    def plan(
        self,
        *,
        dry_run: bool = True,  # noqa: ARG002 - true of every plan
        hours: Decimal | float | None = None,
        workers: int | None = None,
        output_gb: Decimal | float | None = None,
        transfer_gb: Decimal | float | None = None,
        spot: bool | None = None,
    ) -> SessionPlan:
        """What a run would do and cost, from offline price tables; starts nothing.

        `hours` the workers are up, `workers` how many, `output_gb` stored and `transfer_gb`
        downloaded (GB of 2^30 bytes), `spot` for interruptible capacity: each is taken from
        the manifest and from earlier runs where it is None. `dry_run` is accepted and changes
        nothing. Raises ManifestError, StorageError.
        """
        from scalable_cli.pricing import Usage

        plan = self._plan
        usage = Usage(_decimal(hours), workers, _decimal(output_gb), _decimal(transfer_gb), spot)
        estimate = self._session.estimate(plan, usage)
        return SessionPlan(
            self.manifest.target.name,
            self.manifest.lock,
            plan.steps,
            _cost(estimate),
            estimate.time.seconds,
        )

    def start(self) -> WorkflowClient:
        """Open the target's cluster: a client to be used in a `with` statement, or to `close`.

        Raises RefusedError for a target that this version cannot start, and while the cluster
        is open already; StorageError.
        """
        from scalable_cli.launchers.local import options_of
        from scalable_cli.session.crew import open_local

        if self._client is not None:
            raise RefusedError("this session has started", hint="close its client first")
        wiring.require_launcher(self.manifest.target)
        options, local = options_of(self.manifest.target), self._shape
        run = self._opened_run()
        run.begin()
        cluster = contextlib.ExitStack()
        try:
            opening = open_local(options, local, run.directory, self._session.host)
            dask = cluster.enter_context(opening)
            closing = _Closing(self, run, cluster)
            self._client = WorkflowClient(dask, run.recorder, self._tasks(local), closing)
        except BaseException as error:
            cluster.close()
            run.end(error)
            raise
        storage.set(run.directory.store)
        # Registered after Dask's own, so it runs before: a program may end without closing.
        atexit.register(self._close_at_exit)
        return self._client

    def store_artifact(self, key: str, content: Any) -> ArtifactRef:
        """Store `content` with the run at `key`, a path like "results/table.csv".

        A dict, list or tuple is stored as JSON, a str as text, bytes as they are, a
        `pathlib.Path` as the file or folder that it names, and what has `to_csv` or
        `to_parquet` by the key's suffix. What was at the key is replaced. Returns its
        address, SHA-256 and size in bytes. Raises UsageError for a key outside of the run
        or one that the run itself uses, and for content of another kind; StorageError.
        """
        check_key(key)
        run = self._opened_run()
        ref = store(run.directory, key, content)
        run.note(Kind.ARTIFACT, path=ref.path, uri=ref.uri, digest=ref.digest, size=ref.size)
        return ref

    def close(self) -> None:
        """Close what `start` opened. Closing twice is fine."""
        self._close(None)

    def __enter__(self) -> ScalableSession:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._close(error)

    def __reduce__(self) -> str:
        raise TypeError("a session stays in the workflow: let the step return what is to be stored")

    @cached_property
    def _plan(self) -> Plan:
        return self._session.plan()

    @cached_property
    def _shape(self) -> Shape:
        from scalable_cli.launchers.local import options_of, shape

        manifest = self.manifest
        used = [manifest.component(task.component) for task in manifest.tasks]
        return shape(options_of(manifest.target), used, cpu_count(), memory_bytes())

    def _tasks(self, local: Shape) -> Mapping[str, CallTask]:
        manifest = self.manifest
        return {
            task.name: CallTask(
                task.name,
                task.component,
                local.needs(manifest.component(task.component)),
                task.retry.retries,
                task.timeout_s,
                task.cache,
            )
            for task in manifest.tasks
            if task.runs_in_workflow
        }

    def _opened_run(self) -> WorkflowRun:
        if self._run is None:
            self._run = make_run(self._session)
        return self._run

    def _close(self, error: BaseException | None) -> None:
        if self._client is not None:
            self._client.close(error)

    def _close_at_exit(self) -> None:
        """The program ends with the cluster open: by an error, if Python has shown one."""
        self._close(getattr(sys, "last_value", None))


@dataclass(frozen=True)
class _Closing:
    """What happens when a session's client is closed."""

    session: ScalableSession
    run: WorkflowRun
    cluster: contextlib.ExitStack

    def __call__(self, error: BaseException | None) -> None:
        self.session._client = None  # noqa: SLF001
        atexit.unregister(self.session._close_at_exit)  # noqa: SLF001
        storage.set(None)
        try:
            self.cluster.close()
        finally:
            self.run.end(error)


def _is_manifest(path: Path, manifest: Manifest) -> bool:
    return path.resolve() == Path(manifest.folder, Path(manifest.path).name).resolve()


def _decimal(number: Decimal | float | None) -> Decimal | None:
    return None if number is None else Decimal(str(number))


def _cost(estimate: Estimate) -> CostEstimate:
    transfer = Decimal(0)
    for line in estimate.lines:
        if line.what is What.EGRESS and line.period is Period.ONCE and line.cost is not None:
            transfer += line.cost
    return CostEstimate(
        estimate.total,
        estimate.total - transfer,
        transfer,
        estimate.monthly,
        estimate.currency,
        estimate.incomplete,
        estimate.lines,
    )
