"""What can happen in a run, as one line of JSON each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Kind(Enum):
    """The kinds of event; `step` events carry the step's id and, from attempt 1 on, `attempt`."""

    RUN_STARTED = "run.started"  # head, pid, generation, continued: by the same workflow
    RUN_ENDED = "run.ended"  # state, reason, cost
    STEP_STARTED = "step.started"
    STEP_DONE = "step.done"  # key, seconds, cpu, peak, outputs
    STEP_CACHED = "step.cached"  # key, outputs
    STEP_RETRIED = "step.retried"  # as step.failed, and `wait`
    STEP_FAILED = "step.failed"  # text, exit, class, log
    STEP_SKIPPED = "step.skipped"  # because
    TASK_DECLARED = "task.declared"  # task, component, steps: of a workflow
    ARTIFACT = "artifact"  # path, uri, digest, size
    NOTE = "note"  # text

    # Enum's own is Python code, and folding asks for it all the time.
    __hash__ = object.__hash__


_KINDS = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Event:
    """One event: seconds since the epoch, kind, and its named values (JSON values)."""

    at: float
    kind: Kind
    values: Mapping[str, object]

    def line(self) -> str:
        """The event as a line of the journal."""
        record = {"at": round(self.at, 3), "event": self.kind.value, **self.values}
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n"

    def text(self, name: str) -> str:
        """A value as text; empty when missing."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> float:
        """A value as number; 0 when missing or not a number."""
        value = self.values.get(name)
        return float(value) if isinstance(value, int | float) else 0.0


def parse_segment(data: bytes) -> Iterator[Event]:
    """The events of some lines; a torn line and kinds of a later version are left out.

    All lines are read as one JSON list, which takes half as long as one after the other.
    """
    lines = data.splitlines()
    try:
        records = json.loads(b"[" + b",".join(lines) + b"]")
    except ValueError:
        found = map(parse_line, lines)
        yield from [event for event in found if event is not None]
        return
    for record in records:
        event = _event_of(record)
        if event is not None:
            yield event


def parse_line(line: bytes) -> Event | None:
    """The event of a line; None for a torn line or a kind of a later version."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return _event_of(record)


def _event_of(record: Any) -> Event | None:
    try:
        return Event(float(record.pop("at")), _KINDS[record.pop("event")], record)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
