"""Reads the manifest's bytes and makes text of them, or says why that cannot be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scalable_cli.model.problem import Place, Problem

if TYPE_CHECKING:
    from pathlib import Path

# A text that takes the parser more than two seconds is not a manifest.
MAX_BYTES = 2 << 20
MAX_LINES = 50_000
# What YAML's c-printable leaves out, after line ends are made plain.
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_USE_CSV = "put long lists of parameters into a CSV file, and name that as matrix"


def read_text(path: Path, shown: str) -> str | Problem:
    """The text of a manifest without byte order mark and with plain line ends."""
    start = Place(shown, 1, 1)
    try:
        if path.is_dir():
            hint = f"name the file in it, such as {shown.rstrip('/')}/scalable.yaml"
            return Problem("E102", f'"{shown}" is a folder', start, hint)
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        hint = "make one with: scalable init, or name another file"
        return Problem("E101", f'"{shown}" does not exist', start, hint)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Problem("E103", f'"{shown}" cannot be read: {reason.lower()}', start)
    if len(raw) > MAX_BYTES:
        return Problem("E105", f"the file is larger than {MAX_BYTES >> 20} MB", start, _USE_CSV)
    return _decode(raw, shown)


def _decode(raw: bytes, shown: str) -> str | Problem:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig")
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        return Problem("E104", what, place_at(before, len(before), shown), "save it as UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if bad := NOT_TEXT.search(text):
        what = f"character U+{ord(bad[0]):04X} is not allowed"
        return Problem("E107", what, place_at(text, bad.start(), shown), "remove it")
    if text.count("\n") > MAX_LINES:
        place = Place(shown, MAX_LINES + 1, 1)
        return Problem("E105", f"the file has more than {MAX_LINES} lines", place, _USE_CSV)
    if not text.strip():
        hint = "make one with: scalable init"
        return Problem("E106", "the file is empty", Place(shown, 1, 1), hint)
    return text


def place_at(text: str, index: int, shown: str) -> Place:
    """The place of the character at `index`."""
    return Place(shown, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))
