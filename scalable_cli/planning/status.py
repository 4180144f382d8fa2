"""The keys of a task's steps, and which of them are answered by an earlier run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scalable_cli.model.plan import FileInput
from scalable_cli.planning.keys import inputs_digest, inputs_text, key_maker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.cache import Known, StepRecord
    from scalable_cli.model.plan import InputRef, StepInput
    from scalable_cli.planning.draft import Draft
    from scalable_cli.planning.links import Needs


@dataclass(slots=True)
class Status:
    """What is known of a task's steps, each list in their order.

    A key and inputs (name to digest) are None while an upstream step must run. `missing`
    are the positions whose result was recorded and whose outputs are gone.
    """

    keys: list[str | None] = field(default_factory=list)
    records: list[StepRecord | None] = field(default_factory=list)
    inputs: list[Mapping[str, str] | None] = field(default_factory=list)
    missing: set[int] = field(default_factory=set)


class Lookup:
    """Finds the status of one task after the other, upstream first.

    Sequences and inputs that many steps share are looked at once; they are told apart by
    identity, so the drafts must live as long as this.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._records: list[StepRecord | None] = []
        self._waits: dict[int, bool] = {}
        self._digests: dict[int, str] = {}
        self._inputs: dict[int, tuple[Mapping[str, str], str]] = {}

    def task_status(self, draft: Draft, *, forced: bool) -> Status:
        """The status of the task's steps; when `forced` or not cached, no records."""
        task = draft.planned.task
        make = key_maker(task, draft.planned.base)
        status = Status()
        usable = task.cache and not forced
        rows = zip(draft.links, draft.expanded.values, draft.expanded.outputs, strict=True)
        for position, ((needs, inputs), values, outputs) in enumerate(rows):
            key = record = digests = None
            if not self._waiting(needs):
                digests, text = self._digested(inputs)
                key = make(values, text, outputs)
                if usable and self._known.has(key):
                    record = self._usable_record(key, len(outputs), position, status)
            status.keys.append(key)
            status.records.append(record)
            status.inputs.append(digests)
        self._records += status.records
        return status

    def _usable_record(
        self, key: str, outputs: int, position: int, status: Status
    ) -> StepRecord | None:
        record = self._known.record(key)
        if record is None or len(record.outputs) != outputs:
            return None
        if self._known.present(record):
            return record
        status.missing.add(position)
        return None

    def _waiting(self, needs: Needs) -> bool:
        waits = self._waits.get(id(needs))
        if waits is None:
            waits = self._waits[id(needs)] = any(map(self._waiting_for, needs))
        return waits

    def _waiting_for(self, steps: Sequence[int]) -> bool:
        waits = self._waits.get(id(steps))
        if waits is None:
            waits = self._waits[id(steps)] = any(self._records[s] is None for s in steps)
        return waits

    def _digested(self, inputs: tuple[InputRef, ...]) -> tuple[Mapping[str, str], str]:
        found = self._inputs.get(id(inputs))
        if found is None:
            digests = {item.name: self._digest(item) for item in inputs}
            found = self._inputs[id(inputs)] = (digests, inputs_text(digests))
        return found

    def _digest(self, item: InputRef) -> str:
        if isinstance(item, FileInput):
            return item.digest
        digest = self._digests.get(id(item))
        if digest is None:
            digest = self._digests[id(item)] = inputs_digest(self._read_by(item))
        return digest

    def _read_by(self, item: StepInput) -> list[ArtifactRef]:
        records = (self._records[step] for step in item.steps)
        return [record.outputs[item.output] for record in records if record is not None]
