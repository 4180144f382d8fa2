"""Memory sizes and durations: text to numbers and back."""

from __future__ import annotations

import re
from decimal import Decimal

_SIZE = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>[kKMGTP]?)(?P<i>i?)(?P<b>[bB]?)")
_POWER = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)")
_SECONDS = {"d": 86400, "h": 3600, "min": 60, "m": 60, "s": 1}
_CLOCK = re.compile(r"(?:(\d+)-)?(\d{1,3}):(\d{2})(?::(\d{2}))?")


def parse_memory(text: str) -> int:
    """Bytes of "512M", "16G", "1.5GiB": units of memory are powers of 1024; raises ValueError."""
    return _parse_size(text, decimal_bytes=False)


def parse_bytes(text: str) -> int:
    """Bytes of "120MB" (10^6), "120MiB" or "120M" (2^20): amounts of data; raises ValueError."""
    return _parse_size(text, decimal_bytes=True)


def _parse_size(text: str, *, decimal_bytes: bool) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None or (match["i"] and not match["unit"]):
        raise ValueError(f'"{text}" is not a size')
    base = 1000 if decimal_bytes and match["b"] and not match["i"] else 1024
    return int(Decimal(match["n"]) * base ** _POWER[match["unit"]])


def parse_duration(text: str) -> Decimal:
    """Seconds of "90", "30m", "1h30m", "2d", "02:00:00", "1-00:00:00"; raises ValueError."""
    text = text.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return Decimal(text)
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        if minutes < 60 and seconds < 60:
            return Decimal(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    elif _PART.match(text) and not _PART.sub("", text).strip():
        return sum((Decimal(n) * _SECONDS[unit] for n, unit in _PART.findall(text)), Decimal(0))
    raise ValueError(f'"{text}" is not a duration')


def show_bytes(size: int) -> str:
    """A size for people: "512 B", "1.5 KB", "2.1 GB" (powers of 1024)."""
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1024 or unit == "TB":
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError


def show_duration(seconds: float | Decimal) -> str:
    """A duration for people: "0.4 s", "42 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"."""
    value = float(seconds)
    if value < 9.95:
        return f"{value:.1f} s" if value % 1 else f"{value:.0f} s"
    whole = round(value)
    for size, unit, lower, lower_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // lower
            return f"{whole // size} {unit}" + (f" {rest} {lower_unit}" if rest else "")
    return f"{whole} s"
