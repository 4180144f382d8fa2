"""Finds what the user may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_MANY = 200


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known word; None when none is near."""
    best = _nearest(word, known, 0.6)
    return f"did you mean {one_of(best)}?" if best else None


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word nearest to `word`; None when none is near."""
    return next(iter(_nearest(word, known, cutoff)), None)


def _nearest(word: str, known: Iterable[str], cutoff: float) -> list[str]:
    """The known words that are equally near, most often one."""
    import difflib

    names = list(known)
    if len(names) > _MANY:  # comparing costs; a slip rarely hits the first letter
        names = [name for name in names if name[:1] == word[:1]][:_MANY]
    plain = {name.lower().replace("-", "_"): name for name in names}
    matcher = difflib.SequenceMatcher(b=word[:80].lower().replace("-", "_"))
    scores: dict[str, float] = {}
    for name, shown in plain.items():
        matcher.set_seq1(name[:200])
        if matcher.real_quick_ratio() >= cutoff and matcher.quick_ratio() >= cutoff:
            scores[shown] = matcher.ratio()
    best = max(scores.values(), default=0.0)
    return sorted(name for name, score in scores.items() if score == best >= cutoff)[:3]


def one_of(names: Iterable[str], most: int = 12) -> str:
    """Names for people: "a", "b" or "c"."""
    quoted = [f'"{name}"' for name in names]
    if len(quoted) > most:
        return ", ".join(quoted[:most]) + ", …"
    return " or ".join(filter(None, (", ".join(quoted[:-1]), *quoted[-1:])))
