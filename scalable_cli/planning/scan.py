"""Which files of the project travel with a run, and their digests.

Left out, wherever they are: .git, .scalable, .venv, .env and __pycache__; further the
manifest, matrix CSV files, the folders of runs and of the local cache, and what .gitignore
and .scalableignore say, those of the project's folder and of the folders in it. A
.scalableignore is read after the .gitignore beside it, so it may bring files back.

A symbolic link to a file of the project stands for that file's content. Other links (to a
folder, out of the project, to nothing) and things that are no files do not travel; the
scan names them.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.model.plan import CodeFile
from scalable_cli.planning.ignore import (
    IGNORE_FILES,
    Rules,
    ignores_file,
    ignores_folder,
    read_rules,
)
from scalable_cli.planning.index import DigestIndex, unreadable

if TYPE_CHECKING:
    from scalable_cli.model.manifest import Manifest

_NEVER = frozenset({".git", ".scalable", ".venv", ".env", "__pycache__"})


@dataclass(frozen=True, slots=True)
class CodeScan:
    """The files that travel, sorted by path, and what was skipped: path and why."""

    files: tuple[CodeFile, ...]
    skipped: tuple[tuple[str, str], ...]


def scan_code(manifest: Manifest) -> tuple[CodeFile, ...]:
    """The project files that travel, sorted by path; none for `project.code: none`.

    Digests are remembered in the local cache, so a second scan reads no unchanged file.
    Raises StorageError for a file or folder that cannot be read.
    """
    return scan_project(manifest).files


def scan_project(manifest: Manifest) -> CodeScan:
    """Like `scan_code`, and says what was skipped."""
    if manifest.project.code == "none":
        return CodeScan((), ())
    walk = _Walk(os.path.realpath(manifest.folder), _own_paths(manifest))
    walk.visit("", ())
    index = DigestIndex(manifest, "code")
    files = []
    for path, status in sorted(walk.found):
        try:
            digest = index.digest(path, status)
        except FileNotFoundError:
            continue  # removed since the folder was listed
        files.append(CodeFile(path, digest, status.st_size, stat.S_IMODE(status.st_mode)))
    index.save(forget=True)
    return CodeScan(tuple(files), tuple(sorted(walk.skipped)))


@dataclass(slots=True)
class _Walk:
    """One pass over the project's folder `root`; `own` are paths of ours that stay behind."""

    root: str
    own: frozenset[str]
    found: list[tuple[str, os.stat_result]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def visit(self, folder: str, rules: tuple[Rules, ...]) -> None:
        """Collect what is in `folder` ("" or with a slash at its end)."""
        entries = self._entries(folder)
        names = {entry.name for entry in entries}
        present = [folder + name for name in IGNORE_FILES if name in names]
        rules = (*(read_rules(self.root, path, folder) for path in present), *rules)
        for entry in entries:
            path = folder + entry.name
            if entry.name in _NEVER or path in self.own:
                continue
            if entry.is_dir(follow_symlinks=False):
                if not ignores_folder(rules, path):
                    self.visit(path + "/", rules)
            elif not ignores_file(rules, path):
                self._take(path, entry)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(f"{self.root}/{folder}") as entries:
                return list(entries)
        except OSError as error:
            raise unreadable(folder or self.root, error) from error

    def _take(self, path: str, entry: os.DirEntry[str]) -> None:
        try:
            status = entry.stat()
        except FileNotFoundError:
            self.skipped.append((path, "links to nothing"))
            return
        except OSError as error:
            raise unreadable(path, error) from error
        reason = self._why_not(entry, status)
        if reason is not None:
            self.skipped.append((path, reason))
            return
        try:
            path.encode()
        except UnicodeEncodeError as error:
            shown = path.encode(errors="surrogateescape").decode(errors="replace")
            hint = "rename it, or name it in .scalableignore with a pattern"
            raise StorageError(f'the name of "{shown}" is not UTF-8', hint=hint) from error
        self.found.append((path, status))

    def _why_not(self, entry: os.DirEntry[str], status: os.stat_result) -> str | None:
        if entry.is_symlink():
            target = os.path.relpath(os.path.realpath(entry.path), self.root)
            parts = target.split("/")
            if parts[0] == ".." or _NEVER & set(parts):
                return "links out of the project"
            if stat.S_ISDIR(status.st_mode):
                return "links to a folder"
        return None if stat.S_ISREG(status.st_mode) else "is not a file"


def _own_paths(manifest: Manifest) -> frozenset[str]:
    """What is ours, relative to the project's folder: no step may depend on it."""
    project = manifest.project
    sources = [axis.source for task in manifest.tasks for axis in task.matrix if axis.source]
    places = [project.local_cache, *sources]
    if "://" not in project.default_storage:
        places.append(project.default_storage)
    root = os.path.realpath(manifest.folder)
    full = [os.path.realpath(os.path.join(root, place)) for place in places]
    full.append(os.path.realpath(os.path.join(manifest.folder, os.path.basename(manifest.path))))
    if root in full:
        runs = Path(root).glob("run-*/run.json")
        full += [os.path.join(root, "cache"), *(str(path.parent) for path in runs)]
    return frozenset(os.path.relpath(place, root) for place in full)
