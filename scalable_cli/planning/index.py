"""Digests of project files, remembered so that an unchanged file is read once."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.model.digest import digest_of_file

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Manifest

_SCHEMA = "scalable.digest-index/1"

# A file that changed this shortly before it was read may change again within the same
# tick of the file system's clock: FAT counts in 2 s, ext3 and HFS+ in 1 s.
_RACY_NS = 2_000_000_000

Entry = tuple[int, int, int, str]


class DigestIndex:
    """The digests of the project's files: path to (size, mtime_ns, inode, SHA-256).

    `name` tells the index of the code from that of the inputs; each has a file of its own.
    """

    def __init__(self, manifest: Manifest, name: str) -> None:
        self._folder = Path(manifest.folder)
        self._path = self._folder / manifest.project.local_cache / f"{name}-index.json"
        self._started = time.time_ns()
        self._known = _read(self._path, manifest.folder)
        self._used: dict[str, Entry] = {}
        self._changed = False

    def digest(self, path: str, status: os.stat_result) -> str:
        """The SHA-256 of the file `path`, whose status was just taken.

        Raises FileNotFoundError when it is gone, StorageError when it cannot be read.
        """
        entry = self._known.get(path)
        identity = (status.st_size, status.st_mtime_ns, status.st_ino)
        if entry is None or tuple(entry[:3]) != identity:
            entry = (*identity, _hashed(self._folder / path, path))
            self._changed = True
        if status.st_mtime_ns < self._started - _RACY_NS:
            self._used[path] = entry
        return entry[3]

    def save(self, *, forget: bool) -> None:
        """Keep what was asked for; with `forget` nothing else, or also what was known before.

        Only speed depends on the index, so a folder that cannot be written is fine.
        """
        kept = self._used if forget else {**self._known, **self._used}
        if not self._changed and kept.keys() == self._known.keys():
            return
        document = {"schema": _SCHEMA, "folder": str(self._folder), "files": kept}
        with contextlib.suppress(OSError):
            _write(self._path, json.dumps(document, separators=(",", ":")))


def _hashed(path: Path, shown: str) -> str:
    try:
        return digest_of_file(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(shown, error) from error


def unreadable(path: str, error: OSError) -> StorageError:
    """The error for a project file or folder that cannot be read."""
    reason = (error.strerror or str(error)).lower()
    hint = f'chmod u+r "{path}", or name it in .scalableignore'
    return StorageError(f'cannot read "{path}": {reason}', hint=hint)


def _read(path: Path, folder: str) -> dict[str, Entry]:
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != _SCHEMA or document["folder"] != folder:
            return {}
        files = document["files"].items()
        return {name: (size, mtime, inode, sha) for name, (size, mtime, inode, sha) in files}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # Absent or damaged: every file is read again.
        return {}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{time.time_ns()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
