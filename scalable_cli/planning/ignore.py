"""What .gitignore and .scalableignore leave out, by the rules of git.

git looks at one level of folders after the other, never into an ignored one, and so does the
scan. pathspec also takes a path where a pattern matches a folder above it; such matches are
not taken here, for they were decided when that folder was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.errors import StorageError
from scalable_cli.planning.index import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pathspec.pattern import RegexPattern as Pattern

# In one folder the first has the last word.
IGNORE_FILES = (".scalableignore", ".gitignore")


@dataclass(frozen=True, slots=True)
class Rules:
    """One ignore file: it speaks of what is below `folder` ("" or with a slash at its end)."""

    folder: str
    folders: tuple[Pattern, ...]
    files: tuple[Pattern, ...]


def ignores_folder(rules: Iterable[Rules], path: str) -> bool:
    """Whether the first of `rules` that speaks of the folder `path` leaves it out."""
    return _decided((one.folders, path[len(one.folder) :]) for one in rules)


def ignores_file(rules: Iterable[Rules], path: str) -> bool:
    """Whether the first of `rules` that speaks of the file `path` leaves it out."""
    return _decided((one.files, path[len(one.folder) :]) for one in rules)


def read_rules(root: str, path: str, folder: str) -> Rules:
    """The rules of the ignore file `path` below `root`; raises StorageError."""
    try:
        text = Path(root, path).read_bytes().decode(errors="surrogateescape")
        lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
        return Rules(folder, _patterns(map(_for_folders, lines)), _patterns(lines))
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise StorageError(f'cannot understand "{path}": {error}', hint="correct it") from error


def _patterns(lines: Iterable[str]) -> tuple[Pattern, ...]:
    """What the lines say, the one that has the last word first."""
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(lines)
    return tuple(p for p in reversed(list(spec.patterns)) if p.include is not None)


def _decided(questions: Iterable[tuple[tuple[Pattern, ...], str]]) -> bool:
    for patterns, path in questions:
        for pattern in patterns:
            found = pattern.match_file(path)
            # The one group of pathspec's expressions is the slash after a folder above.
            if found is not None and found.match.lastgroup is None:
                return bool(pattern.include)
    return False


def _for_folders(line: str) -> str:
    """The line for paths that are folders: the slash that says so has done its work."""
    bare = line.rstrip(" ")
    if bare.endswith("/") and bare not in ("/", "!/"):
        return bare.removesuffix("/")
    return line
