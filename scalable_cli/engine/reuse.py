"""Results of earlier runs: found, checked byte for byte, shown among a run's artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.journal.events import Kind
from scalable_cli.model.plan import Why
from scalable_cli.store.verified import Condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scalable_cli.engine.compose import Composer
    from scalable_cli.engine.ledger import Ledger
    from scalable_cli.model.cache import StepRecord
    from scalable_cli.model.plan import Step

# A lost disk may take thousands of entries with it: so many are named, the others counted.
NAMED = 10


@dataclass
class Reuse:
    """Answers steps from the cache. What is there and cannot be used is said, and forgotten."""

    ledger: Ledger
    composer: Composer
    _named: int = 0
    _more: int = 0

    def result(self, index: int) -> StepRecord | None:
        """The result that this step need not be run for; its outputs are in the run then."""
        ledger, step = self.ledger, self.composer.plan.steps[index]
        key, ledger.inputs[index] = self.composer.key(index)
        ledger.keys[index] = key
        forced = step.reason is not None and step.reason.why is Why.FORCED
        if forced or not self.composer.plan.task_of(step).task.cache:
            return None
        condition = Condition.SOUND
        for record in self._candidates(step, key):
            condition = self._use(record)
            if condition is Condition.SOUND:
                ledger.cache.note_use(key)
                return record
        if condition is not Condition.SOUND:
            self._forget(step, key, condition)
        return None

    def sum_up(self) -> None:
        """Say how many entries were not named."""
        if self._more:
            text = f"and {self._more:,} more cache entries; their steps run again"
            self.ledger.record(Kind.NOTE, text=text)
            self._more = 0

    def _candidates(self, step: Step, key: str) -> Iterator[StepRecord]:
        """The record that the plan counts on, then the one that is there now if it is another."""
        planned = step.record
        if planned is not None and planned.key == key:
            yield planned
        found = self.ledger.cache.record(key)
        if found is not None and found != planned and len(found.outputs) == len(step.outputs):
            yield found

    def _use(self, record: StepRecord) -> Condition:
        condition = self.ledger.cache.condition(record)
        if condition is Condition.SOUND:
            try:
                self.composer.reuse(record)
            except StorageError:
                # A clean-up may have removed an object since; anything else is no matter of ours.
                condition = self.ledger.cache.condition(record)
                if condition is Condition.SOUND:
                    raise
        return condition

    def _forget(self, step: Step, key: str, condition: Condition) -> None:
        if condition is not Condition.UNREADABLE:
            self.ledger.cache.drop(key)
        if step.reason is not None and step.reason.why is Why.MISSING:
            return  # the plan said so
        self._named += 1
        if self._named > NAMED:
            self._more += 1
            return
        text = f'cache entry of "{step.id}" {condition.value}; it runs again'
        self.ledger.record(Kind.NOTE, text=text)
