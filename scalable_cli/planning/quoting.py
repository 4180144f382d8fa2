"""Where a placeholder stands in a shell text, and how its value is quoted there."""

from __future__ import annotations

import re
import shlex
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPECIAL_IN_DOUBLE = re.compile(r'([\\"$`])')
_WORD_START = frozenset(" \t\n;&|()")


class Quoting(Enum):
    """The quotes around a place in a shell text."""

    BARE = "bare"
    SINGLE = "single"
    DOUBLE = "double"


def quote(word: str, quoting: Quoting) -> str:
    """`word` so that the shell reads exactly it where `quoting` holds."""
    if quoting is Quoting.BARE:
        return shlex.quote(word)
    if quoting is Quoting.SINGLE:
        return word.replace("'", "'\\''")
    return _SPECIAL_IN_DOUBLE.sub(r"\\\1", word)


def quotings(parts: Sequence[object]) -> tuple[Quoting, ...]:
    """The quoting at each part of a split template; what is not a text is a placeholder.

    Follows quotes, backslashes, comments and `$( )`. A text whose quotes do not close in
    this reading (a here-document with an apostrophe, say) has bare placeholders only.
    """
    reader = _Reader()
    found: list[Quoting] = []
    for part in parts:
        found.append(reader.quoting)
        reader.read(part if isinstance(part, str) else "x")
    if reader.stack != [Quoting.BARE]:
        return (Quoting.BARE,) * len(found)
    return tuple(found)


class _Reader:
    """The quotes open after the text read so far, innermost last."""

    def __init__(self) -> None:
        self.stack = [Quoting.BARE]
        self._depths = [0]
        self._escaped = False
        self._comment = False
        self._last = "\n"

    @property
    def quoting(self) -> Quoting:
        return self.stack[-1]

    def read(self, text: str) -> None:
        for letter in text:
            escaped = self._escaped
            self._step(letter)
            self._last = "x" if escaped else letter

    def _step(self, letter: str) -> None:
        if self._escaped:
            self._escaped = False
        elif self._comment:
            self._comment = letter != "\n"
        elif self.quoting is Quoting.SINGLE:
            if letter == "'":
                self._close()
        elif letter == "\\":
            self._escaped = True
        elif letter == '"':
            self._toggle_double()
        elif letter == "(" and (self._last == "$" or self.quoting is Quoting.BARE):
            self._open_parenthesis()
        elif self.quoting is Quoting.BARE:
            self._step_bare(letter)

    def _step_bare(self, letter: str) -> None:
        if letter == "'":
            self._open(Quoting.SINGLE)
        elif letter == "#" and self._last in _WORD_START:
            self._comment = True
        elif letter == ")" and self._depths[-1]:
            self._depths[-1] -= 1
        elif letter == ")" and len(self.stack) > 1:
            self._close()

    def _toggle_double(self) -> None:
        if self.quoting is Quoting.DOUBLE:
            self._close()
        else:
            self._open(Quoting.DOUBLE)

    def _open_parenthesis(self) -> None:
        if self._last == "$":
            self._open(Quoting.BARE)
        else:
            self._depths[-1] += 1

    def _open(self, quoting: Quoting) -> None:
        self.stack.append(quoting)
        self._depths.append(0)

    def _close(self) -> None:
        self.stack.pop()
        self._depths.pop()
