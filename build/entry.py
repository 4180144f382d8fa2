"""Where the single file begins: children of multiprocessing first, then the program.

`multiprocessing` starts its children by calling `sys.executable` again: with
`--multiprocessing-fork` for a process (a Dask nanny's worker), with interpreter flags and `-c` for
its resource tracker. The match is strict, so that a `-c` of the user's reaches the program.
"""

import os
import sys

_TRACKERS = (
    "from multiprocessing.resource_tracker import main",
    "from multiprocessing.forkserver import main",
)


def main() -> None:
    """Become what this process was started as; never returns."""
    words = sys.argv[1:]
    if words[:1] == ["--multiprocessing-fork"]:
        from multiprocessing.spawn import freeze_support

        freeze_support()
    elif _is_tracker(words):
        exec(words[-1])
    else:
        from scalable_cli.__main__ import main as program

        _end_with_the_bootloader()
        code = program()
        _settle()
        sys.exit(code)
    sys.exit()


def _is_tracker(words: list[str]) -> bool:
    return words[-2:-1] == ["-c"] and words[-1].startswith(_TRACKERS) and words[0].startswith("-")


def _end_with_the_bootloader() -> None:
    """Have a SIGKILL of the process that the user sees, PyInstaller's bootloader, end this one too.

    That process unpacked the file and waits for this one; it hands on all other signals.
    """
    if os.environ.get("_PYI_PARENT_PROCESS_LEVEL") == "1":
        import ctypes
        import signal

        parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


def _settle() -> None:
    """Drop what a full disk or a closed pipe did not take; flushing it again would exit 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
