"""Which step of the last run is the same step as one of this plan, or nearest to it."""

from __future__ import annotations

from collections import deque
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scalable_cli.model.cache import PastStep, TaskHistory

# With more names than this only one differing value is looked for.
_MOST_NAMES = 6

Texts = tuple[str, ...]
Match = tuple["PastStep", str | None]


def match_steps(
    names: Texts, texts: Sequence[Texts], wanted: Iterable[int], history: TaskHistory
) -> dict[int, Match]:
    """The past step of each `wanted` position in `texts`, where one is found.

    With it comes what differs: None for the same values, else "parameter scenario 10 -> 11".
    A past step that the plan still has is nobody's nearest; each of the others is used once,
    first where one value differs, then where two do and at least one is shared.
    """
    if set(names) != set(history.names):
        return _match_by_common_names(names, texts, wanted, history)
    order = [history.names.index(name) for name in names]
    past = {tuple([step.values[o] for o in order]): step for step in history.steps}
    found: dict[int, Match] = {}
    unmatched: list[int] = []
    for index in wanted:
        step = past.get(texts[index])
        if step is None:
            unmatched.append(index)
        else:
            found[index] = (step, None)
    if unmatched:
        planned = set(texts)
        free = {values: step for values, step in past.items() if values not in planned}
        _match_nearest(names, texts, unmatched, free, found)
    return found


def _match_nearest(
    names: Texts,
    texts: Sequence[Texts],
    unmatched: list[int],
    free: dict[Texts, PastStep],
    found: dict[int, Match],
) -> None:
    most = 2 if 2 < len(names) <= _MOST_NAMES else 1
    for count in range(1, most + 1):
        for changed in combinations(range(len(names)), min(count, len(names))):
            if not free or not unmatched:
                return
            unmatched = _match_all_but(changed, names, texts, unmatched, free, found)


def _match_all_but(
    changed: tuple[int, ...],
    names: Texts,
    texts: Sequence[Texts],
    unmatched: list[int],
    free: dict[Texts, PastStep],
    found: dict[int, Match],
) -> list[int]:
    """Match steps that are equal but for the positions `changed`; returns who is left."""
    kept = [position for position in range(len(names)) if position not in changed]
    waiting: dict[Texts, deque[Texts]] = {}
    for values in free:
        waiting.setdefault(tuple([values[k] for k in kept]), deque()).append(values)
    left: list[int] = []
    for index in unmatched:
        values = texts[index]
        candidates = waiting.get(tuple([values[k] for k in kept]))
        if candidates:
            before = candidates.popleft()
            found[index] = (free.pop(before), _told(changed, names, before, values))
        else:
            left.append(index)
    return left


def _told(changed: tuple[int, ...], names: Texts, before: Texts, now: Texts) -> str:
    word = "parameter" if len(changed) == 1 else "parameters"
    changes = ", ".join(f"{names[c]} {before[c]} -> {now[c]}" for c in changed)
    return f"{word} {changes}"


def _match_by_common_names(
    names: Texts, texts: Sequence[Texts], wanted: Iterable[int], history: TaskHistory
) -> dict[int, Match]:
    """Match after a name of the matrix was added or removed: by the values of the others."""
    common = [name for name in names if name in history.names]
    then = [history.names.index(name) for name in common]
    now = [names.index(name) for name in common]
    past = {tuple([step.values[t] for t in then]): step for step in history.steps}
    added = [f"{name} added" for name in names if name not in history.names]
    removed = [f"{name} removed" for name in history.names if name not in names]
    text = "parameter " + ", ".join(added + removed)
    matches = ((index, past.get(tuple([texts[index][n] for n in now]))) for index in wanted)
    return {index: (step, text) for index, step in matches if step is not None}
