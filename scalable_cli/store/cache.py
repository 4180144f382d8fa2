"""Results of steps that succeeded, kept in a store so that they need not run again.

`cache/steps/<ab>/<key>.json` is the record of a step, `cache/history/<task>.json` a task as
the last run had it, `cache/objects/<ab>/<digest>` one file's bytes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from typing import TYPE_CHECKING, Any

from scalable_cli.errors import StorageError
from scalable_cli.model.artifact import ArtifactRef
from scalable_cli.model.cache import PastStep, StepRecord, TaskHistory
from scalable_cli.store.verified import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import UnionType

    from scalable_cli.model.store import Store
    from scalable_cli.store.verified import Verified

STEPS = "cache/steps/"
OBJECTS = "cache/objects/"
RECORD_SCHEMA = "scalable.step/1"
_HISTORY = "scalable.history/1"

# What reading JSON of the wrong form raises.
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)

# Asking a disk for more keys than this, reading the names in each folder once is faster.
_FEW = 1000

# Asking for more folders than this, one listing of all of them takes fewer requests.
_FOLDERS = 8

# A record's age is counted from its last use, to the day.
_TOUCH_S = 86_400

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def object_key(digest: str) -> str:
    """Where the bytes with this SHA-256 lie in the store."""
    return f"{OBJECTS}{digest[:2]}/{digest}"


def record_key(key: str) -> str:
    """Where the record of the step with this key lies in the store."""
    return f"{STEPS}{key[:2]}/{key}.json"


def history_key(task: str) -> str:
    """Where the history of `task` lies in the store."""
    return f"cache/history/{task}.json"


def is_refused(error: StorageError) -> bool:
    """Whether a store did not let us write: read-only, or another user's."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _REFUSED


class StepCache:
    """The cache in `store`. `refused` says that something could not be written.

    Folders are listed once (on this machine only when many keys are asked for), so a record
    that others write meanwhile may be missed. A damaged record or history is none. Without
    `verified` the bytes of outputs are not looked at, only their sizes.
    """

    def __init__(self, store: Store, verified: Verified | None = None) -> None:
        self.refused = False
        self._store = store
        self._verified = verified
        self._folder = store.uri if store.local_path(STEPS + "index") else None
        self._asked = 0
        self._names: dict[str, set[str]] = {}
        self._steps = _Listing(store, STEPS)
        self._objects = _Listing(store, OBJECTS)

    def has(self, key: str) -> bool:
        """Whether a step with this key succeeded before (its outputs may be gone since)."""
        if self._folder is None:
            return self._steps.size(record_key(key)) is not None
        self._asked += 1
        if self._asked <= _FEW:
            return self._size(self._steps, record_key(key)) is not None
        names = self._names.get(key[:2])
        if names is None:
            names = self._names[key[:2]] = _names(f"{self._folder}/{STEPS}{key[:2]}")
        return f"{key}.json" in names

    def record(self, key: str) -> StepRecord | None:
        """The record of `key`; None when there is none or it cannot be read."""
        try:
            return _decode_record(key, json.loads(self._store.read(record_key(key))))
        except (StorageError, *_DAMAGED):
            return None

    def present(self, record: StepRecord) -> bool:
        """Whether every output of the record is still stored with its size."""
        return all(
            self._object_size(object_key(digest)) == size for digest, size in _objects_of(record)
        )

    def condition(self, record: StepRecord) -> Condition:
        """How the record's outputs are, told from their bytes."""
        if self._verified is None:
            return Condition.SOUND if self.present(record) else Condition.INCOMPLETE
        for digest, size in _objects_of(record):
            found = self._verified.condition(object_key(digest), digest, size)
            if found is not Condition.SOUND:
                return found
        return Condition.SOUND

    def note_use(self, key: str) -> None:
        """Let a record on this machine be as young as its last use."""
        if self._folder is None:
            return
        path = f"{self._folder}/{record_key(key)}"
        with contextlib.suppress(OSError):  # gone, or another user's: it just looks older
            if os.stat(path).st_mtime < time.time() - _TOUCH_S:
                os.utime(path)

    def save(self) -> None:
        """Keep what was learnt about the bytes of outputs for the next run."""
        if self._verified is not None:
            self._verified.save()

    def history(self, task: str) -> TaskHistory | None:
        """The task as the last run had it; None when there is none or it cannot be read."""
        try:
            return _decode_history(json.loads(self._store.read(history_key(task))))
        except (StorageError, *_DAMAGED):
            return None

    def write(self, record: StepRecord) -> None:
        """Keep `record`, unless its objects are not there. The last of two writers wins."""
        if not self.present(record):
            self.refused = True  # only a store that did not take them gets us here
            return
        data = _encoded(_encode_record(record))
        with self._noting_refusal():
            self._store.write(record_key(record.key), data)
            self._steps.learn(record_key(record.key), len(data))
            self._names.get(record.key[:2], set()).add(f"{record.key}.json")

    def write_history(self, history: TaskHistory) -> None:
        """Keep `history` in place of the one before."""
        with self._noting_refusal():
            self._store.write(history_key(history.task), _encoded(_encode_history(history)))

    def drop(self, key: str) -> None:
        """Forget the record of `key`; its objects stay."""
        with self._noting_refusal():
            self._store.delete(record_key(key))
        self._steps.learn(record_key(key), None)
        self._names.get(key[:2], set()).discard(f"{key}.json")

    @contextlib.contextmanager
    def _noting_refusal(self) -> Iterator[None]:
        try:
            yield
        except StorageError as error:
            if not is_refused(error):
                raise
            self.refused = True

    def _object_size(self, key: str) -> int | None:
        size = self._size(self._objects, key)
        if size is None and self._folder is None:
            # Steps store objects without telling the cache; a record without its object is
            # rare, so asking again costs little.
            entry = self._store.stat(key)
            size = None if entry is None else entry.size
        return size

    def _size(self, listing: _Listing, key: str) -> int | None:
        if self._folder is None:
            return listing.size(key)
        # Planning asks this for every output: the store's own `stat` takes five times as long.
        try:
            return os.stat(f"{self._folder}/{key}").st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            entry = self._store.stat(key)
            return None if entry is None else entry.size


class _Listing:
    """The sizes of all keys below a prefix that has two-digit folders, listed when asked."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._sizes: dict[str, int | None] = {}
        self._listed: set[str] = set()
        self._complete = False

    def size(self, key: str) -> int | None:
        """The size of `key`; None when it is not there."""
        folder = key[: len(self._prefix) + 3]
        if not self._complete and folder not in self._listed:
            self._list(folder)
        return self._sizes.get(key)

    def learn(self, key: str, size: int | None) -> None:
        """Note that `key` was written here, or removed."""
        self._sizes[key] = size

    def _list(self, folder: str) -> None:
        if len(self._listed) >= _FOLDERS:
            folder, self._complete = self._prefix, True
        for entry in self._store.scan(folder):
            self._sizes.setdefault(entry.key, entry.size)
        self._listed.add(folder)


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "check the permissions, or set project.default_storage to another folder"
        raise StorageError(f'cannot list "{folder}": {reason}', hint=hint) from error


def _objects_of(record: StepRecord) -> Iterator[tuple[str, int]]:
    for ref in record.outputs:
        if ref.files is None:
            yield ref.digest, ref.size
        else:
            for _, digest, size in ref.files:
                yield digest, size


def _encode_record(record: StepRecord) -> dict[str, object]:
    return {
        "schema": RECORD_SCHEMA,
        "key": record.key,
        "step": record.step,
        "run": record.run,
        "outputs": [(r.path, r.digest, r.size, r.uri, r.files) for r in record.outputs],
        "seconds": record.seconds,
        "cpu_seconds": record.cpu_seconds,
        "peak_memory_bytes": record.peak_memory_bytes,
    }


def _decode_record(key: str, document: Any) -> StepRecord:
    """The record that the document holds; raises one of `_DAMAGED` when it holds none."""
    if document["schema"] != RECORD_SCHEMA or document["key"] != key:
        raise ValueError(key)
    step, run = document["step"], document["run"]
    seconds, cpu_seconds = document["seconds"], document["cpu_seconds"]
    peak = document["peak_memory_bytes"]
    _check_types((step, run), str)
    _check_types((seconds, cpu_seconds, peak), int | float)
    outputs = tuple([_decode_ref(*fields) for fields in document["outputs"]])
    return StepRecord(key, step, run, outputs, seconds, cpu_seconds, peak)


def _decode_ref(path: Any, digest: Any, size: Any, uri: Any, files: Any) -> ArtifactRef:
    _check_types((path, digest, uri), str)
    _check_types((size,), int)
    if files is None:
        return ArtifactRef(path, digest, size, uri)
    inner = tuple([(name, sha, count) for name, sha, count in files])
    for name, sha, count in inner:
        _check_types((name, sha), str)
        _check_types((count,), int)
    return ArtifactRef(path, digest, size, uri, inner)


def _check_types(values: Iterable[object], kind: type | UnionType) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(value)


def _encode_history(history: TaskHistory) -> dict[str, object]:
    """Columns, and each distinct set of inputs once: 100,000 steps stay small."""
    inputs = {step.inputs: None for step in history.steps}
    position = {pairs: index for index, pairs in enumerate(inputs)}
    return {
        "schema": _HISTORY,
        "task": history.task,
        "run": history.run,
        "names": history.names,
        "parts": history.parts,
        "code": history.code,
        "values": [step.values for step in history.steps],
        "keys": [step.key for step in history.steps],
        "inputs": list(inputs),
        "reads": [position[step.inputs] for step in history.steps],
        "seconds": [step.seconds for step in history.steps],
    }


def _decode_history(document: Any) -> TaskHistory:
    """The history that the document holds; raises one of `_DAMAGED` when it holds none."""
    if document["schema"] != _HISTORY:
        raise ValueError(document["schema"])
    inputs = [_pairs(pairs) for pairs in document["inputs"]]
    columns = (document[name] for name in ("values", "keys", "reads", "seconds"))
    steps = tuple(
        [
            PastStep(tuple(values), key, inputs[reads], seconds)
            for values, key, reads, seconds in zip(*columns, strict=True)
        ]
    )
    names = tuple(document["names"])
    if any(len(step.values) != len(names) for step in steps):
        raise ValueError(names)
    parts, code = _pairs(document["parts"]), _pairs(document["code"])
    return TaskHistory(document["task"], document["run"], names, parts, code, steps)


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    found = tuple([(first, second) for first, second in pairs])
    for pair in found:
        _check_types(pair, str)
    return found


def _encoded(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
