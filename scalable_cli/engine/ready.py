"""Which steps may start: dependencies counted down as steps end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scalable_cli.model.plan import Step


class Dependencies:
    """Counts what each step still waits for.

    Steps that wait for the same steps share one counter (`Step.needs` holds shared
    sequences), so that 1,000 steps that need 1,000 others cost 2,000, not 1,000,000.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        gates: dict[int, int] = {}
        self._left: list[int] = []
        self._behind: list[list[int]] = []
        self._gates_of: dict[int, list[int]] = {}
        self._unmet = [0] * len(steps)
        for index, step in enumerate(steps):
            for needed in step.needs:
                gate = gates.get(id(needed))
                if gate is None:
                    gate = gates[id(needed)] = self._new_gate(needed)
                if self._left[gate]:
                    self._behind[gate].append(index)
                    self._unmet[index] += 1

    def _new_gate(self, needed: Sequence[int]) -> int:
        gate = len(self._left)
        self._left.append(len(needed))
        self._behind.append([])
        for index in needed:
            self._gates_of.setdefault(index, []).append(gate)
        return gate

    def free(self) -> Iterator[int]:
        """Steps that wait for nothing, in plan order."""
        return (index for index, unmet in enumerate(self._unmet) if unmet == 0)

    def end(self, index: int) -> Iterator[int]:
        """Say that a step succeeded; gives the steps that may start now, in plan order."""
        freed = []
        for gate in self._gates_of.get(index, ()):
            self._left[gate] -= 1
            if self._left[gate] == 0:
                for waiting in self._behind[gate]:
                    self._unmet[waiting] -= 1
                    if self._unmet[waiting] == 0:
                        freed.append(waiting)
        return iter(sorted(freed))

    def behind(self, index: int) -> Iterator[int]:
        """Every step that can never start once `index` has failed, in plan order."""
        seen: set[int] = set()
        todo = [index]
        while todo:
            for gate in self._gates_of.get(todo.pop(), ()):
                for waiting in self._behind[gate]:
                    if waiting not in seen:
                        seen.add(waiting)
                        todo.append(waiting)
        return iter(sorted(seen))
