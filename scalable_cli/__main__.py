"""`python -m scalable_cli`, the installed `scalable`, and the built file start here."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from scalable_cli import __version__
from scalable_cli.errors import Exit

if TYPE_CHECKING:
    from types import FrameType

    from scalable_cli.host import Host


class TerminatedError(KeyboardInterrupt):
    """SIGTERM: everything stops as it does for Ctrl-C; only the exit code differs."""


def main() -> int:
    """Run the command line of this process and return its exit code."""
    argv = sys.argv[1:]
    if argv in (["--version"], ["version"]):
        print(f"scalable {__version__}")  # noqa: T201 - the fast path imports nothing
        return Exit.OK
    from scalable_cli.host import Host

    return _guarded(argv, Host.current())


def _guarded(argv: list[str], host: Host) -> int:
    """What `argv` does, with every way that a process can end as an exit code."""
    import gc
    import signal

    from scalable_cli import app

    # A plan or a journal of 100,000 steps is millions of objects and no rubbish: with Python's
    # own setting half of the time goes into looking for some.
    gc.set_threshold(100_000, 50, 50)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = app.run(argv, host)
        host.out.flush()
    except TerminatedError:
        return Exit.TERMINATED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _drop_output(host)
        return Exit.OK
    except Exception as error:
        if host.environ.get("SCALABLE_TRACE", "0") not in ("", "0"):
            import traceback

            traceback.print_exc(file=host.err)
        return app.show_bug(error, argv, host)
    return code


def _terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal's form
    raise TerminatedError


def _drop_output(host: Host) -> None:
    """Nobody reads any more: what is still buffered goes nowhere, and nothing complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, host.out.fileno())


if __name__ == "__main__":
    sys.exit(main())
