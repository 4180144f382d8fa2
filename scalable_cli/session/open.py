"""Opening a manifest: where it is, which variables and target hold, what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from scalable_cli import wiring
from scalable_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scalable_cli.host import Host
    from scalable_cli.manifest import ManifestSource
    from scalable_cli.model.cache import Known, StepRecord, TaskHistory
    from scalable_cli.model.estimate import Estimate
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.plan import Plan
    from scalable_cli.model.store import Store
    from scalable_cli.pricing import Observed, PriceBook, Usage

DEFAULT_MANIFEST = "scalable.yaml"


@dataclass(frozen=True)
class Session:
    """A manifest resolved for one target; `storage` in place of the one that it names."""

    host: Host
    source: ManifestSource
    manifest: Manifest
    overlay: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    storage: Store | None = field(default=None, compare=False)
    _seen: dict[str, Observed | None] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def known(self) -> Known:
        """What is remembered of earlier runs; nothing where the storage is out of reach offline."""
        if self.storage is None and wiring.is_remote(self.manifest.project.default_storage):
            return NothingKnown()
        from scalable_cli.store.cache import StepCache

        return StepCache(self.store)

    @cached_property
    def store(self) -> Store:
        """Where runs and results are kept; asked again when it fails. Raises RefusedError."""
        from scalable_cli.store.patient import patient

        return patient(self.storage or wiring.storage_of(self.manifest))

    @cached_property
    def prices(self) -> PriceBook:
        """The offline price tables."""
        from scalable_cli.pricing import open_prices

        return open_prices()

    def for_target(self, name: str) -> Session:
        """The same manifest on another of its targets. Raises ManifestError, UsageError."""
        manifest = self.source.resolve(name, overlay=self.overlay)
        return replace(self, manifest=manifest, overrides={}, _seen={})

    def with_overrides(self, overrides: Mapping[str, str]) -> Session:
        """The same target with some of its keys set to other values (as text)."""
        merged = {**self.overrides, **overrides}
        manifest = self.source.resolve(
            self.manifest.target.name, overlay=self.overlay, overrides=merged
        )
        return replace(self, manifest=manifest, overrides=merged)

    def plan(self, *, force: bool = False, only: tuple[str, ...] = ()) -> Plan:
        """What a run would do. Opens no socket. Raises ManifestError, UsageError, StorageError."""
        from scalable_cli.planning import PlanRequest, make_plan, scan_code

        code = scan_code(self.manifest)
        return make_plan(PlanRequest(self.manifest, self.known, force, only, code))

    def observed(self, plan: Plan) -> Mapping[str, Observed]:
        """How long the steps of each task took in the last run that had it, on average."""
        from scalable_cli.pricing import Observed

        found = {}
        for planned in plan.tasks:
            past = self.known.history(planned.task.name)
            seconds = [s.seconds for s in past.steps if s.seconds is not None] if past else []
            if seconds:
                mean = Decimal(str(round(sum(seconds) / len(seconds), 3)))
                found[planned.task.name] = Observed(mean, len(seconds))
        return found

    def estimate(self, plan: Plan, usage: Usage) -> Estimate:
        """What the plan costs and how long it takes."""
        from scalable_cli.pricing import estimate

        return estimate(plan, usage, self.prices, self.observed(plan))


class NothingKnown:
    """Stands in for a cache that cannot be asked without a connection."""

    def has(self, key: str) -> bool:  # noqa: ARG002
        """Nothing is known."""
        return False

    def record(self, key: str) -> StepRecord | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    def present(self, record: StepRecord) -> bool:  # noqa: ARG002
        """Nothing is known."""
        return False

    def history(self, task: str) -> TaskHistory | None:  # noqa: ARG002
        """Nothing is known."""
        return None


def open_session(
    path: str | None,
    host: Host,
    *,
    target: str | None = None,
    overlay: str | None = None,
    env_file: str | None = None,
) -> Session:
    """Open the manifest at `path`, else `$SCALABLE_MANIFEST`, else ./scalable.yaml.

    Raises ManifestError with every problem, UsageError for an unknown target or overlay.
    """
    source = open_source(path, host, env_file=env_file)
    return Session(host, source, source.resolve(target, overlay=overlay), overlay)


def open_source(path: str | None, host: Host, *, env_file: str | None = None) -> ManifestSource:
    """Read the manifest without resolving it for a target. Raises ManifestError, UsageError."""
    from scalable_cli.manifest import open_manifest

    name = path or host.environ.get("SCALABLE_MANIFEST") or DEFAULT_MANIFEST
    environ = {**_read_env_file(env_file, host.cwd), **host.environ}
    return open_manifest(host.cwd / name, environ, shown_as=name)


def _read_env_file(name: str | None, cwd: Path) -> dict[str, str]:
    """NAME=value lines; `export`, quotes and # comments are understood. Raises UsageError."""
    if name is None:
        return {}
    try:
        text = (cwd / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f'cannot read the env file "{name}": {error}') from error
    values = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip().isidentifier():
            raise UsageError(f"{name}:{number}: expected NAME=value")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        else:
            value = value.partition(" #")[0].rstrip()
        values[key.strip()] = value
    return values
