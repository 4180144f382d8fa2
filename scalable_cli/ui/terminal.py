"""What the screen can do: colours and width. Neither is used where the output is no terminal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

NARROWEST = 40


@dataclass(frozen=True, slots=True)
class Look:
    """How text may look: with ANSI colours or not, and in how many columns (None: any)."""

    colour: bool = False
    columns: int | None = None

    def bold(self, text: str) -> str:
        """Text that stands out."""
        return self._paint(text, "1")

    def dim(self, text: str) -> str:
        """Text that stays in the background."""
        return self._paint(text, "2")

    def red(self, text: str) -> str:
        """Something failed."""
        return self._paint(text, "31")

    def yellow(self, text: str) -> str:
        """Something needs attention."""
        return self._paint(text, "33")

    def green(self, text: str) -> str:
        """Something went well."""
        return self._paint(text, "32")

    def cyan(self, text: str) -> str:
        """Something to type, or to look up."""
        return self._paint(text, "36")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Look()


def look_of(stream: TextIO, environ: Mapping[str, str]) -> Look:
    """How to write to `stream`: NO_COLOR beats FORCE_COLOR beats what the stream is."""
    return Look(_colours(stream, environ), _columns(stream, environ))


def _colours(stream: TextIO, environ: Mapping[str, str]) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def _columns(stream: TextIO, environ: Mapping[str, str]) -> int | None:
    if not stream.isatty():
        return None
    wanted = environ.get("COLUMNS", "")
    if wanted.isdigit() and int(wanted):
        return max(NARROWEST, int(wanted))
    try:
        return max(NARROWEST, os.get_terminal_size(stream.fileno()).columns)
    except (OSError, ValueError):
        return None
