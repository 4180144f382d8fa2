"""A store in a folder of this machine (or of a file system shared with others)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import uuid
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError, is_lasting
from scalable_cli.model.artifact import Entry
from scalable_cli.store.address import check_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Half-written files carry this prefix; a listing never shows them.
TEMPORARY = ".tmp-"


class LocalStore:
    """Keys are files below `root`, which is created with the first write."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: set[str] = set()

    def __reduce__(self) -> tuple[type[LocalStore], tuple[Path]]:
        """Travel to a worker as the folder's path alone."""
        return LocalStore, (self._root,)

    @property
    def uri(self) -> str:
        """The absolute path of the folder."""
        return str(self._root)

    def scan(self, prefix: str) -> Iterator[Entry]:
        """Every key that starts with `prefix`, sorted by key."""
        folder = prefix.rpartition("/")[0]
        with _translated("list", str(self._root / folder)):
            yield from _walk(os.path.join(self._root, folder), folder, prefix)

    def folders(self, prefix: str) -> list[str]:
        """The folders directly below `prefix`, sorted."""
        with _translated("list", str(self._root / prefix)):
            try:
                with os.scandir(self._root / prefix) as found:
                    return sorted(e.name for e in found if e.is_dir())
            except FileNotFoundError:
                return []

    def read(self, key: str) -> bytes:
        """All bytes of `key`; a missing key is a StorageError."""
        path = self._path(key)
        with _translated("read", path), open(path, "rb") as stream:
            return stream.read()

    def write(
        self, key: str, data: bytes, *, create_only: bool = False, if_version: str | None = None
    ) -> bool:
        """Replace `key` with `data` in one step; False when the condition does not hold.

        `if_version` has one winner among writers that all give it; one that gives none is not
        waited for.
        """
        path = self._path(key)
        with _translated("write", path):
            self._ensure_folder(path)
            temporary = _temporary_beside(path)
            try:
                with open(temporary, "xb") as stream:
                    stream.write(data)
                if if_version is not None:
                    return _exchange(temporary, path, if_version)
                return _settle(temporary, path, create_only=create_only)
            except BaseException:
                _remove(temporary)
                raise

    def stat(self, key: str) -> Entry | None:
        """The entry of `key`, or None."""
        path = self._path(key)
        with _translated("read", path):
            try:
                status = os.stat(path)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _entry(key, status)

    def delete(self, key: str) -> None:
        """Remove `key`; a missing key is fine."""
        path = self._path(key)
        with _translated("delete", path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def put(
        self,
        key: str,
        path: Path,
        *,
        move: bool = False,
        digest: str | None = None,  # noqa: ARG002
    ) -> None:
        """Store the file at `path`: renamed with `move` on one file system, else copied.

        A folder has no place for the digest.
        """
        target = self._path(key)
        with _translated("write", target):
            self._ensure_folder(target)
            if move:
                with contextlib.suppress(OSError):
                    os.replace(path, target)
                    return
            temporary = _temporary_beside(target)
            try:
                shutil.copyfile(path, temporary)
                shutil.copymode(path, temporary)
                os.replace(temporary, target)
            except BaseException:
                _remove(temporary)
                raise

    def fetch(self, key: str, path: Path) -> Entry:
        """Make `key` readable at `path`, as a hard link where possible."""
        source = self._path(key)
        with _translated("read", source):
            _link_or_copy(source, str(path))
            return _entry(key, os.stat(path))

    def copy(self, source: str, target: str) -> None:
        """Make `target` hold what `source` holds: a hard link where possible."""
        source_path, target_path = self._path(source), self._path(target)
        with _translated("write", target_path):
            self._ensure_folder(target_path)
            try:
                os.link(source_path, target_path)
            except OSError:
                with _translated("read", source_path):
                    os.stat(source_path)
                temporary = _temporary_beside(target_path)
                _link_or_copy(source_path, temporary)
                os.replace(temporary, target_path)
                # Two names of one inode: rename(2) then does nothing and leaves the first.
                _remove(temporary)

    def local_path(self, key: str) -> Path | None:
        """The file that holds `key`."""
        self._path(key)
        return self._root / key

    def _path(self, key: str) -> str:
        check_key(key)
        return f"{self._root}/{key}"

    def _ensure_folder(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._folders or not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)


def _walk(folder: str, key: str, prefix: str) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            entries = [(e.name + "/" if e.is_dir() else e.name, e) for e in found]
    except (FileNotFoundError, NotADirectoryError):
        return
    # A folder sorts by its name with the slash: that is the order of the full keys.
    for name, entry in sorted(entries, key=lambda pair: pair[0]):
        path = f"{key}/{name}" if key else name
        if not path.startswith(prefix) and not prefix.startswith(path):
            continue
        if name.endswith("/"):
            yield from _walk(entry.path, path[:-1], prefix)
        elif not name.startswith(TEMPORARY) and path.startswith(prefix):
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat()
                yield _entry(path, status)


def _entry(key: str, status: os.stat_result) -> Entry:
    return Entry(key, status.st_size, status.st_mtime, _version(status))


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def _exchange(temporary: str, path: str, version: str) -> bool:
    """Rename over `path` if it still is `version`; writers with a condition take turns."""
    with open(f"{path.rpartition('/')[0]}/{TEMPORARY}lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if _version(os.stat(path)) == version:
                os.replace(temporary, path)
                return True
        except FileNotFoundError:
            pass
    _remove(temporary)
    return False


def _settle(temporary: str, path: str, *, create_only: bool) -> bool:
    if not create_only:
        os.replace(temporary, path)
        return True
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        if not os.path.exists(source):
            raise
        shutil.copyfile(source, target)
        shutil.copymode(source, target)


def _temporary_beside(path: str) -> str:
    folder, _, _ = path.rpartition("/")
    return f"{folder}/{TEMPORARY}{uuid.uuid4().hex}"


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


@contextlib.contextmanager
def _translated(verb: str, path: str) -> Iterator[None]:
    """Turn an OSError into a StorageError that names the path and what to do."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        text = f'cannot {verb} "{path}": {reason}'
        raise StorageError(text, hint=_hint(error), lasting=is_lasting(error)) from error


def _hint(error: OSError) -> str | None:
    if isinstance(error, PermissionError) or error.errno == 30:
        return "check the permissions, or set project.default_storage to a folder you may write"
    if error.errno in (28, 122):
        return "free some space, or set project.default_storage to another disk"
    if isinstance(error, NotADirectoryError | FileExistsError):
        return "a file stands where a folder is needed; remove it or choose another folder"
    return None
