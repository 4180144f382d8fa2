"""The project's files on their way: packed once per digest, unpacked once per machine."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.host import umask
from scalable_cli.store.cache import is_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.plan import CodeFile
    from scalable_cli.model.store import Store


def archive_name(digest: str) -> str:
    """The name of the bundle in the run directory."""
    return f"code-{digest}.tar.gz"


def store_code(store: Store, run: str, digest: str, files: Sequence[CodeFile], root: Path) -> None:
    """Put the bundle into the run directory; equal files are packed once per storage.

    A shared bundle that is damaged is replaced; where the cache may not be written, none is.
    """
    shared, own = code_key(digest), f"{run}/{archive_name(digest)}"
    if store.stat(shared) is not None and _is_whole(store, shared):
        store.copy(shared, own)
        return
    store.write(own, pack(files, root))
    try:
        store.copy(own, shared)
    except StorageError as error:
        if not is_refused(error):
            raise


def code_key(digest: str) -> str:
    """Where the bundle with this digest is shared between runs."""
    return f"cache/code/{digest}.tar.gz"


def _is_whole(store: Store, key: str) -> bool:
    """Whether a bundle can be read to its end: gzip carries a checksum."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(store.read(key))) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error, StorageError):
        return False
    return True


def pack(files: Sequence[CodeFile], root: Path) -> bytes:
    """A gzipped tar whose bytes depend on nothing but paths, modes and contents."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=4, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in files:
            member = tarfile.TarInfo(file.path)
            member.mode = 0o555 if file.mode & 0o100 else 0o444
            try:
                content = (root / file.path).read_bytes()
            except OSError as error:
                raise StorageError(
                    f'cannot read "{file.path}": {error.strerror}',
                    hint="it was there a moment ago; run again",
                ) from error
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def unpack_code(store: Store, key: str, target: Path) -> Path:
    """The folder with the bundle's files, unpacked if this machine does not have it yet."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
    try:
        with tarfile.open(fileobj=io.BytesIO(store.read(key)), mode="r:gz") as tar:
            tar.extractall(folder, filter="data")
        folder.chmod(0o777 & ~umask())
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # else another worker was first
                raise
    except (OSError, tarfile.TarError) as error:
        raise StorageError(f'cannot unpack the code to "{target}": {error}') from error
    finally:
        if os.path.isdir(folder):
            shutil.rmtree(folder, ignore_errors=True)
    return target
