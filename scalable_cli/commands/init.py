"""Start a project that runs, from a bundled template. Nothing is overwritten.

Usage:
  scalable init [DIR] [options]

Arguments:
  DIR  The folder to create or fill; the current one if not given.

Options:
  -t, --template=NAME  Which template; "climate" if not given.
  -l, --list           List the templates and stop.

Examples:
  scalable init demo
  scalable init study --template python
  scalable init --list

Exit codes:
  0  The files are there.
  2  There is no such template.
  5  Files of the template exist already; nothing was written.
  8  The folder cannot be written.
"""

from __future__ import annotations

import os
import shlex
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.arguments import closest
from scalable_cli.errors import Exit, RefusedError, StorageError, UsageError
from scalable_cli.ui.json_text import json_text
from scalable_cli.ui.templates_text import created_text, templates_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host

DEFAULT = "climate"


def main(args: Arguments, host: Host) -> Exit:
    """List the templates, or copy one."""
    templates = _templates()
    if args.flag("--list"):
        return _list(templates, args, host)
    name = args.text("--template") or DEFAULT
    if name not in templates:
        close = closest(name, list(templates))
        hint = f'did you mean "{close}"?' if close else "scalable init --list"
        raise UsageError(f'unknown template "{name}"', hint=hint)
    shown = args.text("DIR") or "."
    files = dict(_files(templates[name]))
    _write(host.cwd / shown, shown, files)
    if args.flag("--json"):
        created = {"template": name, "folder": shown, "files": sorted(files)}
        host.out.write(json_text({"schema": "scalable.init/1", **created}))
    else:
        host.out.write(created_text(name, Path(shown), sorted(files)))
    return Exit.OK


def _list(templates: Mapping[str, Traversable], args: Arguments, host: Host) -> Exit:
    found = {name: _about(folder) for name, folder in templates.items()}
    if args.flag("--json"):
        rows = [{"name": name, "about": about} for name, about in found.items()]
        host.out.write(json_text({"schema": "scalable.templates/1", "templates": rows}))
    else:
        host.out.write(templates_text(found, DEFAULT))
    return Exit.OK


def _templates() -> dict[str, Traversable]:
    """The folders of `templates/` by name."""
    root = resources.files("scalable_cli") / "templates"
    folders = (item for item in root.iterdir() if (item / "scalable.yaml").is_file())
    return {folder.name: folder for folder in sorted(folders, key=lambda folder: folder.name)}


def _about(folder: Traversable) -> str:
    """The first line below the title of the template's README."""
    readme = folder / "README.md"
    lines = readme.read_text("utf-8").splitlines() if readme.is_file() else []
    return next((line for line in lines if line.strip() and not line.startswith("#")), "")


def _files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir() and item.name != "__pycache__":
            yield from _files(item, f"{prefix}{item.name}/")
        elif item.is_file():
            yield prefix + item.name, item.read_bytes()


def _write(folder: Path, shown: str, files: Mapping[str, bytes]) -> None:
    there = [name for name in files if os.path.lexists(folder / name)]
    if there:
        listed = ", ".join(f'"{name}"' for name in there)
        hint = f"choose another folder: scalable init {shlex.quote(shown)}-2"
        hint = "choose another folder: scalable init DIR" if shown == "." else hint
        raise RefusedError(f'"{shown}" already holds {listed}; nothing was written', hint=hint)
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.write(data)
            if data.startswith(b"#!"):
                path.chmod(0o755)
    except OSError as error:
        where = error.filename or shown
        raise StorageError(f'cannot write "{where}": {error.strerror}') from error
