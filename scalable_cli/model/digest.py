"""Digests: SHA-256 of bytes, of files, and of values in their canonical JSON form."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = 1 << 20


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(value: object) -> str:
    """The SHA-256 of a JSON value, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, 64 hex digits; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()
