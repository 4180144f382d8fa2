"""A step's checkpoint: kept when an attempt is interrupted, given to the next one."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

from scalable_cli.engine.steps import file_name

if TYPE_CHECKING:
    from scalable_cli.model.store import Store


def checkpoint_key(run: str, step: str) -> str:
    """Where a step's checkpoint lies."""
    return f"{run}/checkpoints/{file_name(step)}.tar"


def save_checkpoint(store: Store, run: str, step: str, folder: str, path: str) -> None:
    """Keep the file or folder `path` of a working folder; nothing when it is not there."""
    place = f"{folder}/{path}"
    if not os.path.exists(place):
        return
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(place, arcname=path)
    store.write(checkpoint_key(run, step), buffer.getvalue())


def restore_checkpoint(store: Store, run: str, step: str, folder: str) -> bool:
    """Put a step's checkpoint, if it has one, into its working folder."""
    key = checkpoint_key(run, step)
    if store.stat(key) is None:
        return False
    with tarfile.open(fileobj=io.BytesIO(store.read(key))) as tar:
        tar.extractall(folder, filter="data")
    return True


def drop_checkpoint(store: Store, run: str, step: str) -> None:
    """Forget a checkpoint: its step has ended well."""
    store.delete(checkpoint_key(run, step))
