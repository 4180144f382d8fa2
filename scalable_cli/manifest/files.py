"""Paths that the manifest names: inside the project's folder, and there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from scalable_cli.manifest.suggest import closest

if TYPE_CHECKING:
    from scalable_cli.manifest.findings import Findings
    from scalable_cli.manifest.nodes import Scalar


def leaves(path: str) -> bool:
    """Whether a relative path is absolute after all, or goes up."""
    return path.startswith(("/", "~")) or ".." in PurePosixPath(path).parts


def project_path(
    folder: Path, name: str, node: Scalar, found: Findings, *, what: str, or_folder: bool = False
) -> Path | None:
    """The file `name` of the project (or its folder, with `or_folder`).

    None with a problem when it is elsewhere or not there.
    """
    if leaves(name):
        said = f'{what} "{name[:200]}" leaves the project folder'
        hint: str | None = "use a path below the manifest's folder"
        found.error("E307", node, said, hint=hint, words=node.text)
        return None
    path = folder / name
    try:
        if path.is_file() or (or_folder and path.is_dir()):
            if path.resolve().is_relative_to(folder.resolve()):
                return path
            said = f'{what} "{name}" is a link that leaves the project folder'
            found.error("E307", node, said, words=node.text)
            return None
        is_folder = path.is_dir()
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError):
        is_folder, beside = False, []
    if is_folder:
        found.error("E306", node, f'{what} "{name}" is a folder', words=node.text)
    else:
        near = closest(Path(name).name, beside, cutoff=0.8)
        said = f'{what} "{name[:200]}" does not exist'
        hint = f'did you mean "{Path(name).parent / near}"?' if near else None
        found.error("E306", node, said, hint=hint, words=node.text)
    return None
