"""Imports point down, third parties stay behind their fences, and start-up stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scalable_cli"

LAYERS = (
    {"errors", "model", "host"},
    {"manifest", "planning", "pricing", "containers", "launchers", "store", "journal"},
    {"engine", "report"},
    {"session", "wiring", "facade"},
    {"app", "arguments", "commands", "ui"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
LEVEL |= {"__init__": 0, "__main__": 4}

DASK = ("engine", "launchers", "session.python")
AWS = ("launchers.aws", "containers.registries", "store", "wiring")
FENCES = {
    "docopt": ("app",),
    "strictyaml": ("manifest",),
    "ruamel": ("manifest",),
    "dask": DASK,
    "distributed": DASK,
    "dask_cloudprovider": DASK,
    "boto3": AWS,
    "botocore": AWS,
    "aiobotocore": AWS,
    "subprocess": ("host",),
    "argparse": (),
}
PRINTS = ("ui", "app", "__main__")
OUTSIDE = {
    "os": {"environ", "environb", "getenv", "putenv", "unsetenv", "system", "popen"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}


def test_every_module_keeps_the_rules() -> None:
    found = [
        f"scalable_cli/{path.relative_to(PACKAGE)}:{problem}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if "templates" not in path.relative_to(PACKAGE).parts
        for problem in problems(module_name(path), path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("module", "source", "problem"),
    [
        ("model.plan", "import scalable_cli.manifest", "points up to manifest"),
        ("planning.keys", "from scalable_cli.store import local", "layer 1: store"),
        ("report.fold", "from scalable_cli.session import open_session", "points up to session"),
        ("engine.loop", "def f():\n    import scalable_cli.ui.text", "points up to ui"),
        ("pricing", "if TYPE_CHECKING:\n    from scalable_cli import journal", "layer 1: journal"),
        ("session", "from scalable_cli.app import main", "points up to app"),
        ("engine.loop", "from . import steps", "relative import"),
        ("newcomer", "import os", "no layer"),
        ("engine.loop", "import scalable_cli.newcomer", "no layer"),
        ("commands.plan", "import docopt", "docopt"),
        ("planning.keys", "from strictyaml import load", "strictyaml"),
        ("ui.text", "def f():\n    import distributed", "distributed"),
        ("launchers.gcp", "import boto3", "boto3"),
        ("launchers.gcp", "import botocore.session", "botocore"),
        ("session", "from dask_cloudprovider.aws import FargateCluster", "dask_cloudprovider"),
        ("engine.child", "import subprocess", "subprocess"),
        ("engine.child", "from subprocess import run", "subprocess"),
        ("app", "import argparse", "argparse"),
        ("model.plan", "import requests", "only the standard library"),
        ("planning.keys", "import os\nos.environ['A']", "os.environ"),
        ("planning.keys", "from os import getenv", "os.getenv"),
        ("engine.child", "import os\nos.system('ls')", "os.system"),
        ("engine.child", "asyncio.create_subprocess_exec('ls')", "create_subprocess_exec"),
        ("engine.loop", "print('x')", "print"),
        ("app", None, "no docstring"),
    ],
)
def test_a_broken_rule_is_found(module: str, source: str | None, problem: str) -> None:
    text = "x = 1" if source is None else f'"""Doc."""\n{source}'

    found = list(problems(module, text))

    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app", "import docopt\nprint(docopt)"),
        ("manifest.parse", "from ruamel.yaml import nodes"),
        ("launchers.aws_ecs", "import boto3"),
        ("engine.cluster", "from distributed import LocalCluster"),
        ("session.python", "import distributed"),
        ("host.child", "import os\nimport subprocess\nos.environ"),
        ("errors", "from scalable_cli.model.problem import Problem"),
        ("planning.keys", "from scalable_cli.planning.code import scan\nimport pathspec"),
        ("store", "from scalable_cli import __version__"),
        ("commands.plan", "from scalable_cli.ui import text\nimport os.path"),
    ],
)
def test_what_is_allowed_is_not_reported(module: str, source: str) -> None:
    assert list(problems(module, f'"""Doc."""\n{source}')) == []


def test_version_imports_nothing_heavy(tmp_path: Path) -> None:
    imported = imports_of(["--version"], tmp_path)

    assert "scalable_cli" in imported
    assert not imported & {"strictyaml", "ruamel", "distributed", "dask", "boto3", "docopt"}


def test_plan_imports_no_cluster_and_no_cloud(project: Callable[..., Path]) -> None:
    folder = project({"scalable.yaml": SMALL})

    imported = imports_of(["plan"], folder)

    assert "strictyaml" in imported
    assert not imported & {"distributed", "dask", "boto3", "botocore", "google", "requests"}


SMALL = """\
version: 1
project:
  name: small
targets:
  local:
    provider: local
components:
  shell:
    cpus: 1
    memory: 1G
tasks:
  greet:
    component: shell
    command: echo hello > {{ outputs.text }}
    outputs:
      text: greeting.txt
"""


def problems(module: str, source: str) -> Iterator[str]:
    """What `module` (a dotted name below scalable_cli) does against the rules, with its line."""
    tree = ast.parse(source)
    if not ast.get_docstring(tree):
        yield "1: no docstring"
    if part_of(module) not in LEVEL:
        yield f"1: {module} has no layer"
    for node in ast.walk(tree):
        for problem in node_problems(module, node):
            yield f"{node.lineno}: {problem}"


def node_problems(module: str, node: ast.AST) -> Iterator[str]:
    """What one node does against the rules."""
    if isinstance(node, ast.Import):
        for name in node.names:
            yield from import_problems(module, name.name)
    elif isinstance(node, ast.ImportFrom):
        if node.level:
            yield "relative import"
        elif node.module in OUTSIDE:
            for name in node.names:
                yield from outside_problems(module, node.module, name.name)
        else:
            for target in imported_modules(node):
                yield from import_problems(module, target)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield from outside_problems(module, node.value.id, node.attr)
    elif is_print(node) and not within(module, PRINTS):
        yield "print belongs to ui and app"


def import_problems(module: str, imported: str) -> Iterator[str]:
    """Why `module` may not import `imported`."""
    top, _, rest = imported.partition(".")
    level = LEVEL.get(part_of(module))
    if top == "scalable_cli":
        part = part_of(rest) if rest else "__init__"
        if part not in LEVEL:
            yield f"{part} has no layer"
        elif level is not None:
            yield from direction_problems(part_of(module), level, part)
    elif top in FENCES:
        if not within(module, FENCES[top]):
            yield f"{top} is fenced into {', '.join(FENCES[top]) or 'nothing'}"
    elif level == 0 and top not in sys.stdlib_module_names:
        yield f"{top}: layer 0 imports only the standard library"


def direction_problems(own: str, level: int, part: str) -> Iterator[str]:
    """Why a part of `level` may not import `part`."""
    if LEVEL[part] > level:
        yield f"{own} points up to {part}"
    elif level == 1 and LEVEL[part] == 1 and part != own:
        yield f"{own} imports its neighbour in layer 1: {part}"


def outside_problems(module: str, library: str, name: str) -> Iterator[str]:
    """Why `module` may not use `library.name`."""
    if name in OUTSIDE.get(library, set()) and not within(module, ("host",)):
        yield f"{library}.{name} belongs to host"


def imported_modules(node: ast.ImportFrom) -> Iterator[str]:
    """The modules that a `from … import …` names; of the package itself, its parts."""
    if node.module != "scalable_cli":
        yield node.module or ""
        return
    for name in node.names:
        yield "scalable_cli" if name.name.startswith("__") else f"scalable_cli.{name.name}"


def is_print(node: ast.AST) -> bool:
    """Whether the node calls the built-in print."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    )


def within(module: str, allowed: tuple[str, ...]) -> bool:
    """Whether the module is one of `allowed`, in it, or a file whose name begins so."""
    return any(
        module == place or module.startswith((f"{place}.", f"{place}_")) for place in allowed
    )


def part_of(module: str) -> str:
    """The folder or file directly below scalable_cli."""
    return module.partition(".")[0]


def module_name(path: Path) -> str:
    """The dotted name of a file below scalable_cli; a package is named as its folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports_of(argv: list[str], cwd: Path) -> set[str]:
    """The top-level packages that one call of the program imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "scalable_cli", *argv],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    rows = [line for line in lines if line.startswith("import time:")]
    assert done.returncode == 0, "\n".join(line for line in lines if line not in rows)
    return {row.rpartition("|")[2].strip().partition(".")[0] for row in rows}
