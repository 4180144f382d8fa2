"""What a workflow stores with its run: whose keys are allowed, and how each kind is written."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import StorageError, UsageError
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.digest import digest_of, digest_of_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scalable_cli.engine.rundir import RunDirectory

# The run directory's own names: a run is described by them.
OWN = frozenset(
    """artifacts checkpoints context.json image.lock inputs.json journal lease lease.json logs
    manifest.json manifest.yaml plan.json run.json staged status.json stop""".split()
)
MAX_KEY_BYTES, MAX_NAME_BYTES = 900, 240
_TABLES = {".csv": "to_csv", ".parquet": "to_parquet", ".pq": "to_parquet"}


def store(run: RunDirectory, key: str, content: object) -> ArtifactRef:
    """Put `content` at `key` of the run, in place of what was there.

    A dict, list or tuple becomes JSON, a str UTF-8 text; bytes stay; a path is a file or a
    folder that is copied; for anything else the key's suffix chooses `to_csv` or `to_parquet`.
    Raises UsageError for a key or content that cannot be stored, StorageError.
    """
    check_key(key)
    if isinstance(content, os.PathLike):
        source = Path(content)
        if source.is_dir():
            return _store_folder(run, key, source)
        if not source.is_file():
            raise UsageError(f'cannot store "{source}" as "{key}": it is no file and no folder')
        return _store_file(run, key, source)
    with tempfile.TemporaryDirectory(prefix="scalable-") as folder:
        temporary = Path(folder, key.rpartition("/")[2])
        try:
            _writer(key, content)(temporary)
        except UnicodeEncodeError as error:
            raise UsageError(f'cannot store "{key}" as UTF-8 text: {error}') from error
        except OSError as error:
            raise StorageError(f'cannot write "{temporary}": {error.strerror}') from error
        if temporary.is_dir():
            return _store_folder(run, key, temporary)
        return _store_file(run, key, temporary)


def check_key(key: object) -> None:
    """Raise UsageError unless `key` is a relative path below the run that is free to use."""
    if not isinstance(key, str) or not key:
        raise UsageError("an artifact's key is a path like results/table.csv")
    shown = f'an artifact cannot be called "{key[:80]}"'
    hint = 'use a path below the run, like "results/table.csv"'
    parts = key.split("/")
    if not key.isprintable() or "\\" in key:
        raise UsageError(f"{shown}: it has a character that paths do not have", hint=hint)
    if any(part in ("", ".", "..") or part != part.strip() for part in parts):
        raise UsageError(f"{shown}: it is not a path below the run", hint=hint)
    if len(key.encode()) > MAX_KEY_BYTES or max(len(p.encode()) for p in parts) > MAX_NAME_BYTES:
        raise UsageError(f"{shown}…: it is too long", hint=hint)
    first = parts[0].casefold()
    own = first in OWN or (first.startswith("code-") and first.endswith(".tar.gz"))
    if own or any(part.startswith(".tmp-") for part in parts):
        raise UsageError(f"{shown}: the run itself uses that name", hint=hint)


def _store_file(run: RunDirectory, key: str, source: Path) -> ArtifactRef:
    digest, size = _put(run, key, source)
    return ArtifactRef(key, digest, size, f"{run.uri}/{key}")


def _store_folder(run: RunDirectory, key: str, source: Path) -> ArtifactRef:
    files = []
    for path in _files_below(source):
        below = path.relative_to(source).as_posix()
        files.append((below, *_put(run, f"{key}/{below}", path)))
    files.sort()
    kept = {f"{key}/{below}" for below, _, _ in files}
    for entry in list(run.store.scan(run.key(f"{key}/"))):
        if entry.key.removeprefix(f"{run.id}/") not in kept:
            run.store.delete(entry.key)
    size = sum(size for _, _, size in files)
    return ArtifactRef(key, digest_of(files), size, f"{run.uri}/{key}", tuple(files))


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if not path.is_file():
                raise UsageError(f'cannot store "{path}": it is no file and no folder')
            yield path


def _refuse(error: OSError) -> None:
    raise StorageError(f'cannot read "{error.filename}": {error.strerror}') from error


def _put(run: RunDirectory, key: str, source: Path) -> tuple[str, int]:
    """Store a copy of a file; (SHA-256, bytes) of what was stored."""
    run.store.put(run.key(key), source)
    stored = run.store.local_path(run.key(key)) or source
    try:
        return digest_of_file(stored), stored.stat().st_size
    except OSError as error:
        raise StorageError(f'cannot read "{stored}": {error.strerror}') from error


def _writer(key: str, content: Any) -> Callable[[Path], object]:
    """What writes `content` to a path."""
    if isinstance(content, dict | list | tuple):
        text = _json_text(key, content)
        return lambda path: path.write_text(text, encoding="utf-8")
    if isinstance(content, str):
        return lambda path: path.write_text(content, encoding="utf-8", newline="")
    if isinstance(content, bytes | bytearray | memoryview):
        return lambda path: path.write_bytes(content)
    kind = type(content).__name__
    if not any(callable(getattr(content, name, None)) for name in _TABLES.values()):
        raise UsageError(
            f'cannot store a {kind} as "{key}"',
            hint="store a dict, list, str, bytes, a pathlib.Path, or a table",
        )
    suffix = Path(key.removesuffix(".gz")).suffix.lower()
    method = getattr(content, _TABLES.get(suffix, ""), None)
    if not callable(method):
        raise UsageError(
            f'cannot tell how to store a {kind} as "{key}"',
            hint="let the key end in .csv or .parquet",
        )
    return lambda path: method(str(path))


def _json_text(key: str, content: object) -> str:
    try:
        return json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f'cannot store "{key}" as JSON: {error}') from error


def _plain(value: Any) -> object:
    """A JSON value for what results are often made of."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    for name in ("tolist", "isoformat"):  # NumPy's arrays and scalars; dates and times
        method = getattr(value, name, None)
        if callable(method):
            return method()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    from decimal import Decimal

    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")
