"""The run directory: everything that is known about a run, in one place of the storage."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError, StorageError
from scalable_cli.model.codec import decode, encode
from scalable_cli.model.manifest import Manifest
from scalable_cli.planning import plan_document, read_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from scalable_cli.model.plan import Plan
    from scalable_cli.model.store import Store

SCHEMA = "scalable.run-directory/1"
PREFIX = "run-"


@dataclass(frozen=True)
class RunDirectory:
    """A run's place in a store."""

    store: Store
    id: str

    @property
    def uri(self) -> str:
        """Where the run lies."""
        return f"{self.store.uri}/{self.id}"

    def key(self, name: str) -> str:
        """The store's key of a name in this run."""
        return f"{self.id}/{name}"

    def artifact_key(self, path: str) -> str:
        """The store's key of an artifact."""
        return f"{self.id}/artifacts/{path}"

    def read_json(self, name: str) -> dict[str, object]:
        """A JSON object of the run; raises StorageError when missing or damaged."""
        try:
            value = json.loads(self.store.read(self.key(name)))
        except ValueError as error:
            raise StorageError(f'"{self.uri}/{name}" is damaged: {error}') from error
        if not isinstance(value, dict):
            raise StorageError(f'"{self.uri}/{name}" is damaged: not an object')
        return value

    def write_json(self, name: str, value: object, *, create_only: bool = False) -> bool:
        """Replace a JSON object of the run in one step; False if `create_only` and it exists."""
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return self.store.write(self.key(name), text.encode() + b"\n", create_only=create_only)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is told about a run when it is made; `estimated` in USD, `estimated_s` in seconds."""

    version: str
    created: float
    manifest_text: str
    argv: tuple[str, ...] = ()
    estimated: str | None = None
    estimated_s: str | None = None
    python: str | None = None
    keep_going: bool = False
    budget: str | None = None
    max_duration_s: float | None = None
    max_failures: int | None = None


def new_run_id(project: str, now: float) -> str:
    """Sorts by time and never repeats: run-20261122T101713-climate-demo-3f9a1c."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    return f"{PREFIX}{stamp}-{project}-{secrets.token_hex(3)}"


def create_run(
    store: Store, plan: Plan, facts: RunFacts, fill: Callable[[RunDirectory], None] | None = None
) -> RunDirectory:
    """Write all that a head needs; `run.json` comes last, so a run with one is complete.

    `fill` writes what is not in the plan.
    """
    manifest = plan.manifest
    run = RunDirectory(store, new_run_id(manifest.project.name, facts.created))
    store.write(run.key("manifest.yaml"), facts.manifest_text.encode())
    run.write_json("manifest.json", encode(manifest))
    run.write_json("plan.json", plan_document(plan))
    if fill is not None:
        fill(run)
    tasks = [[t.task.name, t.component.name, len(t.steps)] for t in plan.tasks]
    run.write_json(
        "run.json",
        {
            "schema": SCHEMA,
            "id": run.id,
            "project": manifest.project.name,
            "target": manifest.target.name,
            "provider": manifest.target.provider.value,
            "manifest": manifest.path,
            "manifest_lock": manifest.lock,
            "code_digest": plan.code_digest,
            "workflow": plan.workflow,
            "tasks": tasks,
            **{k: v for k, v in encode(facts).items() if k != "manifest_text"},
        },
    )
    return run


def load_plan(run: RunDirectory) -> Plan:
    """The plan as the run was started with; raises StorageError when it is damaged."""
    try:
        manifest = decode(Manifest, run.read_json("manifest.json"))
        return read_plan(run.read_json("plan.json"), manifest)
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(f'the plan of "{run.uri}" is damaged: {error}') from error


def find_run(store: Store, name: str | None) -> RunDirectory:
    """The run called `name` (a unique part suffices); None or "latest" is the newest."""
    runs = [folder for folder in store.folders("") if folder.startswith(PREFIX)]
    if not runs:
        raise RefusedError(f'there is no run in "{store.uri}"', hint="scalable run")
    if name in (None, "latest"):
        return RunDirectory(store, runs[-1])
    matches = [r for r in runs if r == name] or [r for r in runs if name is not None and name in r]
    if len(matches) != 1:
        text = "is no run" if not matches else f"fits {len(matches)} runs"
        raise RefusedError(f'"{name}" {text} in "{store.uri}"', hint=f"the newest is: {runs[-1]}")
    return RunDirectory(store, matches[0])
