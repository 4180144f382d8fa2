"""What runs in the user's Python for `scalable run`: a workflow file, as part of a run.

It is started as `PYTHON -m scalable_cli.session.workflow STORAGE RUN FILE`, in the project's
folder. The process ends as the file's would if it were run by itself.
"""

from __future__ import annotations

import atexit
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from scalable_cli import wiring
from scalable_cli.engine.frames import user_trace
from scalable_cli.engine.rundir import RunDirectory, load_plan
from scalable_cli.errors import Exit, ScalableError
from scalable_cli.host import Host
from scalable_cli.session.attached import attach
from scalable_cli.session.recording import WorkflowRun

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Join the run and execute the file; the exit code is the file's own, or 1 for an error."""
    storage, run_id, file = argv
    run = RunDirectory(wiring.store_for(storage, "/"), run_id)
    joined = WorkflowRun(run, Host.of_library(), own=False)
    # Registered first, so it runs last: an open client still has something to write.
    atexit.register(joined.close)
    attach(load_plan(run).manifest, joined)
    _provide_facade()
    try:
        run_file(Path(file))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except SystemExit as end:
        return _code_of(end)
    except BaseException as error:
        sys.last_value = error  # what is still open ends with it
        sys.stdout.flush()
        sys.stderr.write(user_trace(error))
        sys.stderr.flush()
        return Exit.STEP_FAILED
    return Exit.OK


def run_file(path: Path) -> None:
    """Execute a Python file as `__main__`, with its folder first on the module path."""
    module = ModuleType("__main__")
    module.__file__ = str(path)
    # Worker processes that multiprocessing spawns import their parent's main file, unless it
    # is called this (multiprocessing.spawn._fixup_main_from_name): a file without the usual
    # guard would start a cluster in each. Its functions travel by value.
    module.__spec__ = ModuleSpec("__main__", None)
    sys.modules["__main__"] = module
    sys.argv[:] = [str(path)]
    sys.path.insert(0, str(path.parent))
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 - the user's own program


def _provide_facade() -> None:
    """Make `import scalable` work in a checkout, where the facade is not yet that package."""
    if find_spec("scalable") is None:
        from scalable_cli import facade

        sys.modules["scalable"] = facade


def _code_of(end: SystemExit) -> int:
    """The exit code that Python would give."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except ScalableError as error:
        sys.stderr.write(f"error: {error.text}\n")
        code = error.exit
    sys.exit(code)
