"""The single file on a machine that has a shell and awk, and no Python."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scalable_cli.commands import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Program

pytestmark = pytest.mark.binary

TOOLS = """
    awk basename cat cp cut date dirname env expr find grep head join ls mkdir mktemp mv paste
    printf rm sed seq sh sleep sort tail tee touch tr uname uniq wc
""".split()

# What `sh` sets by itself.
SHELL = {"PWD", "OLDPWD", "SHLVL", "_"}

MANIFEST = """\
version: 1
project:
  name: alone
targets:
  local:
    provider: local
    max_workers: 2
    processes: {processes}
components:
  shell:
    cpus: 1
    memory: 500M
tasks:
  see:
    component: shell
    matrix:
      number: 1..3
    command: env > {{{{ outputs.env }}}}
    outputs:
      env: env-{{{{ matrix.number }}}}.txt
"""


@pytest.fixture
def alone(built_file: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the built file in `tmp_path` with an environment of a few variables."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (path / tool).symlink_to(Path(found).resolve())
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    base = {"PATH": str(path), "HOME": str(tmp_path), "TMPDIR": str(scratch)}

    def call(*args: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [built_file, *args],
            cwd=tmp_path,
            env=base | dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=240,
        )

    return call


@pytest.mark.parametrize("name", NAMES)
def test_every_command_shows_its_help(
    alone: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    done = alone(name, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage:" in done.stdout


def test_the_demo_runs_and_runs_again_from_the_cache(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    made = alone("init", "demo", "--template", "climate")
    first = alone("run", "demo/scalable.yaml", "--target", "local")
    again = alone("plan", "demo/scalable.yaml", "--target", "local", "--exit-code")

    assert made.returncode == 0, made.stderr
    assert first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stdout + again.stderr
    assert list((tmp_path / "tmp").glob("_MEI*")) == []


@pytest.mark.parametrize("processes", ["true", "false"])
def test_a_step_sees_what_the_user_set_and_nothing_of_the_bundle(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, processes: str
) -> None:
    (tmp_path / "scalable.yaml").write_text(MANIFEST.format(processes=processes))

    done = alone("run", env={"OWN": "kept"})

    assert done.returncode == 0, done.stderr
    seen = variables(tmp_path)
    assert len(seen) == 3
    for names in seen:
        ours = {name for name in names if not name.startswith("SCALABLE_")}
        assert ours - SHELL == {"PATH", "HOME", "TMPDIR", "OWN"}
        assert names["PATH"].endswith(str(tmp_path / "bin"))


def test_a_step_sees_the_users_own_library_path(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "scalable.yaml").write_text(MANIFEST.format(processes="true"))

    done = alone("run", env={"LD_LIBRARY_PATH": "/opt/model/lib"})

    assert done.returncode == 0, done.stderr
    assert {names["LD_LIBRARY_PATH"] for names in variables(tmp_path)} == {"/opt/model/lib"}


def test_a_c_option_is_not_taken_for_python(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = alone("-c", "import os; os.mkdir('made')")

    assert done.returncode == 2
    assert not (tmp_path / "made").exists()


def test_killing_the_visible_process_leaves_none_behind(
    scalable: Program, built_file: Path, tmp_path: Path
) -> None:
    text = MANIFEST.format(processes="false").replace("env >", "sleep 60; env >")
    (tmp_path / "scalable.yaml").write_text(text)
    program = replace(scalable, argv=(str(built_file),))
    running = program.start("run")
    assert running.stderr
    assert any(line.startswith("run-") for line in running.stderr)

    running.kill()
    running.communicate(timeout=20)  # until every process that holds its output has ended

    assert running.returncode == -9


def variables(folder: Path) -> list[dict[str, str]]:
    """The environments that the steps wrote, from the results of the run."""
    texts = (path.read_text() for path in folder.glob("scalable-runs/*/artifacts/**/env-*.txt"))
    return [dict(line.split("=", 1) for line in text.splitlines() if "=" in line) for text in texts]
