"""Make the plan: every step with its key, cached or with the reason why it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.model.digest import digest_of
from scalable_cli.model.plan import Plan, Step
from scalable_cli.planning.draft import draft_tasks
from scalable_cli.planning.files import digest_files
from scalable_cli.planning.order import chosen_tasks
from scalable_cli.planning.reasons import reasons_of
from scalable_cli.planning.status import Lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.cache import Known
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.plan import CodeFile
    from scalable_cli.planning.draft import Draft


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What to plan.

    `only` chooses tasks and everything upstream of them. `force` runs every step again;
    with `only`, the steps of the named tasks. `code` is what `scan_code` found.
    """

    manifest: Manifest
    known: Known
    force: bool = False
    only: tuple[str, ...] = ()
    code: tuple[CodeFile, ...] = ()


def make_plan(request: PlanRequest) -> Plan:
    """Decide what a run would do.

    Reads what `known` knows and the files that are inputs, nothing else. Raises UsageError
    for an unknown task in `only`, RefusedError for an order that cannot be kept,
    ManifestError for what only an expanded matrix shows, StorageError for an input file
    that cannot be read.
    """
    manifest = request.manifest
    chosen = chosen_tasks(manifest, request.only)
    files = digest_files(manifest, chosen, request.code)
    drafts = draft_tasks(manifest, chosen, request.code, files)
    lookup = Lookup(request.known)
    steps: list[Step] = []
    for index, draft in enumerate(drafts):
        name = draft.planned.task.name
        forced = request.force and (not request.only or name in request.only)
        status = lookup.task_status(draft, forced=forced)
        reasons = reasons_of(draft, status, request.known, forced=forced)
        expanded = draft.expanded
        rows = zip(
            expanded.ids,
            expanded.values,
            draft.links,
            expanded.outputs,
            status.keys,
            status.records,
            reasons,
            strict=True,
        )
        steps += [
            Step(step, index, values, needs, inputs, outputs, key, record, reason)
            for step, values, (needs, inputs), outputs, key, record, reason in rows
        ]
    return assemble(manifest, drafts, steps)


def assemble(manifest: Manifest, drafts: Sequence[Draft], steps: Sequence[Step]) -> Plan:
    """The plan of `steps`, with the files that they see."""
    tasks = tuple(draft.planned for draft in drafts)
    files = {file.path: file for planned in tasks for file in planned.code}
    code = tuple(files[path] for path in sorted(files))
    in_workflow = any(planned.task.runs_in_workflow for planned in tasks)
    workflow = manifest.project.workflow if in_workflow else None
    return Plan(manifest, tasks, tuple(steps), code, code_digest(code), workflow)


def code_digest(code: Sequence[CodeFile]) -> str:
    """The digest of the files that travel: paths, contents, and whether they are programs."""
    return digest_of([(file.path, file.digest, bool(file.mode & 0o111)) for file in code])
