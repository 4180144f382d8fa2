"""Which Python is the user's: the one that their functions and workflows run under."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli import __version__
from scalable_cli.errors import SetupError
from scalable_cli.host.process import run_program

if TYPE_CHECKING:
    from scalable_cli.host import Host


def find_python(asked: str | None, host: Host) -> str:
    """`asked`, else `$VIRTUAL_ENV`'s, `$CONDA_PREFIX`'s, else python3 on the PATH.

    Raises SetupError when there is none.
    """
    if asked is not None:
        found = shutil.which(asked, path=host.environ.get("PATH"))
        if found is None:
            raise SetupError(f'"{asked}" is no Python that can be run', hint="--python PATH")
        return os.path.abspath(found)
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = host.environ.get(variable)
        if prefix and (python := Path(prefix, "bin", "python")).exists():
            return str(python)
    found = shutil.which("python3", path=host.environ.get("PATH"))
    if found is None:
        raise SetupError(
            "no Python was found for the project's functions",
            hint="--python PATH, activate an environment, or put python3 on the PATH",
        )
    return found


def require_scalable(python: str, host: Host) -> None:
    """Raise SetupError when that Python cannot run a workflow: it needs this very version."""
    # -P: the current folder must not answer for what is installed.
    ask = (
        "import importlib.util, scalable_cli\n"
        "importlib.util.find_spec('distributed') and print(scalable_cli.__version__)"
    )
    try:
        code, out, _ = run_program([python, "-P", "-c", ask], environ=host.environ)
    except (OSError, TimeoutError) as error:
        raise SetupError(f'"{python}" cannot be run: {error}', hint="--python PATH") from error
    found = out.strip()
    if code or not found:
        raise SetupError(
            f'"{python}" has no scalable, which the workflow imports',
            hint=f"{python} -m pip install scalable-cli",
        )
    if found != __version__:
        raise SetupError(
            f'"{python}" has scalable {found}, and this is {__version__}',
            hint=f"{python} -m pip install scalable-cli=={__version__}",
        )
