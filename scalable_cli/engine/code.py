"""The project's files on their way: packed once per digest, unpacked once per machine."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scalable_cli.model.plan import CodeFile
    from scalable_cli.model.store import Store


def archive_name(digest: str) -> str:
    """The name of the bundle in the run directory."""
    return f"code-{digest}.tar.gz"


def store_code(store: Store, run: str, digest: str, files: Sequence[CodeFile], root: Path) -> None:
    """Put the bundle into the run directory; equal files are packed once per storage."""
    shared, own = f"cache/code/{digest}.tar.gz", f"{run}/{archive_name(digest)}"
    if store.stat(shared) is None:
        store.write(shared, pack(files, root))
    store.copy(shared, own)


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
        folder.chmod(0o755)
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
