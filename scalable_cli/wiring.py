"""The only place where backends are named and put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError
from scalable_cli.model.manifest import Provider

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Manifest, Target
    from scalable_cli.model.store import Store

REMOTE = ("s3://", "gs://")


def is_remote(storage: str) -> bool:
    """Whether a storage address is an object store's."""
    return storage.startswith(REMOTE)


def store_for(storage: str, folder: str) -> Store:
    """The store at an address; relative paths start at `folder`. Raises RefusedError."""
    if is_remote(storage):
        raise RefusedError(
            f'this version keeps runs in local folders only, not in "{storage}"',
            hint="set project.default_storage to a folder",
        )
    from scalable_cli.store.local import LocalStore

    return LocalStore(Path(folder, Path(storage).expanduser()).resolve())


def storage_of(manifest: Manifest) -> Store:
    """The project's storage."""
    return store_for(manifest.project.default_storage, manifest.folder)


def require_launcher(target: Target) -> None:
    """Raise RefusedError when this version cannot start runs on the target."""
    if target.provider is not Provider.LOCAL:
        kind = f" ({target.cluster_type.value})" if target.cluster_type else ""
        raise RefusedError(
            f"this version plans and prices {target.provider.value}{kind} targets and does "
            f'not start runs on them ("{target.name}")',
            hint="choose a target with provider: local",
        )
