"""A plan as a JSON document, so that a head elsewhere or a later `resume` has the same plan.

The steps are not written out: the manifest gives them again, in the same order. The
document holds what the manifest does not: digests of files, keys, records and reasons.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import ManifestError, RefusedError
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.cache import StepRecord
from scalable_cli.model.plan import CodeFile, FileInput, Plan, Reason, Step, Why
from scalable_cli.planning.draft import draft_tasks
from scalable_cli.planning.files import dockerfile_path
from scalable_cli.planning.make import assemble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scalable_cli.model.manifest import Manifest
    from scalable_cli.planning.draft import Draft

SCHEMA = "scalable.run-plan/1"


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values."""
    reasons = _Table()
    runs = _Table()
    return {
        "schema": SCHEMA,
        "manifest_lock": plan.manifest.lock,
        "tasks": [planned.task.name for planned in plan.tasks],
        "bases": [planned.base for planned in plan.tasks],
        "code": [(f.path, f.digest, f.size, f.mode) for f in plan.code],
        "files": _file_digests(plan),
        "steps": _fingerprint(step.id for step in plan.steps),
        "keys": [step.key for step in plan.steps],
        "reason_of": [reasons.position(_told(step.reason)) for step in plan.steps],
        "reasons": reasons.rows,
        "records": [
            (index, *_record_fields(step, step.record, runs))
            for index, step in enumerate(plan.steps)
            if step.record is not None
        ],
        "runs": runs.rows,
    }


def read_plan(document: dict[str, Any], manifest: Manifest) -> Plan:
    """The plan that `plan_document` wrote, given the manifest that it was made from.

    Raises RefusedError when the document is damaged or of another manifest.
    """
    try:
        if document["schema"] != SCHEMA or document["manifest_lock"] != manifest.lock:
            raise _another_plan()
        drafts = _drafts(document, manifest)
        return assemble(manifest, drafts, _steps(document, drafts))
    except (ManifestError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _another_plan() from error


class _Table:
    """Distinct values, each written once."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._positions: dict[Any, int] = {}

    def position(self, row: Any) -> int:
        found = self._positions.get(row)
        if found is None:
            found = self._positions[row] = len(self.rows)
            self.rows.append(row)
        return found


def _told(reason: Reason | None) -> tuple[str, str] | None:
    return None if reason is None else (reason.why.value, reason.text)


def _file_digests(plan: Plan) -> dict[str, str]:
    """By path; a task's file inputs are the same objects in all of its steps."""
    first = [plan.steps[task.steps.start] for task in plan.tasks if task.steps]
    items = [item for step in first for item in step.inputs if isinstance(item, FileInput)]
    digests = {item.path: item.digest for item in items}
    for planned in plan.tasks:
        path, digest = dockerfile_path(planned.component), dict(planned.parts).get("dockerfile")
        if path is not None and digest is not None:
            digests[path] = digest
    return digests


def _fingerprint(ids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def _record_fields(step: Step, record: StepRecord, runs: _Table) -> tuple[object, ...]:
    """What the record holds and the step does not tell."""
    outputs = [
        (None if ref.path == path else ref.path, ref.digest, ref.size, ref.uri, ref.files)
        for ref, path in zip(record.outputs, step.outputs, strict=True)
    ]
    name = None if record.step == step.id else record.step
    took = (record.seconds, record.cpu_seconds, record.peak_memory_bytes)
    return name, runs.position(record.run), outputs, *took


def _drafts(document: dict[str, Any], manifest: Manifest) -> list[Draft]:
    code = tuple([CodeFile(*fields) for fields in document["code"]])
    tasks = {task.name: task for task in manifest.tasks}
    chosen = [tasks[name] for name in document["tasks"]]
    drafts = draft_tasks(manifest, chosen, code, document["files"])
    if [draft.planned.base for draft in drafts] != document["bases"]:
        raise ValueError("bases")
    ids = (step for draft in drafts for step in draft.expanded.ids)
    if _fingerprint(ids) != document["steps"]:
        raise ValueError("steps")
    return drafts


def _steps(document: dict[str, Any], drafts: Sequence[Draft]) -> list[Step]:
    told = [row and Reason(Why(row[0]), row[1]) for row in document["reasons"]]
    records = {fields[0]: fields[1:] for fields in document["records"]}
    keys, reason_of, runs = document["keys"], document["reason_of"], document["runs"]
    steps: list[Step] = []
    for task, draft in enumerate(drafts):
        made = draft.expanded
        rows = zip(made.ids, made.values, draft.links, made.outputs, strict=True)
        for step, values, (needs, inputs), outputs in rows:
            index = len(steps)
            key, reason = keys[index], told[reason_of[index]]
            fields = records.get(index)
            record = _record(step, key, outputs, fields, runs) if fields else None
            if (record is None) == (reason is None):
                raise ValueError(step)
            steps.append(Step(step, task, values, needs, inputs, outputs, key, record, reason))
    return steps


def _record(
    step: str, key: str, outputs: tuple[str, ...], fields: Sequence[Any], runs: Sequence[str]
) -> StepRecord:
    name, run, stored, seconds, cpu_seconds, peak = fields
    refs = tuple([_ref(path, *ref) for ref, path in zip(stored, outputs, strict=True)])
    return StepRecord(key, name or step, runs[run], refs, seconds, cpu_seconds, peak)


def _ref(path: str, other: str | None, digest: str, size: int, uri: str, files: Any) -> ArtifactRef:
    inner = None if files is None else tuple([(name, sha, count) for name, sha, count in files])
    return ArtifactRef(other or path, digest, size, uri, inner)


def _another_plan() -> RefusedError:
    text = "the saved plan does not belong to this manifest, or is damaged"
    return RefusedError(text, hint="start a new run; finished steps come from the cache")
