"""How the process ends: bugs, questions, and the colours of its streams."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from scalable_cli.errors import Exit
from scalable_cli.ui.terminal import look_of

ROOT = Path(__file__).resolve().parent.parent.parent
BUG = """\
import sys
from scalable_cli import app
def broken(argv, host): raise KeyError("lost")
app.run = broken
from scalable_cli.__main__ import main
sys.argv = ["scalable", "plan", *sys.argv[1:]]
sys.exit(main())
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def end(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(
        [sys.executable, "-c", BUG, *words], env=env, capture_output=True, text=True
    )


def test_a_bug_is_one_line_and_how_to_report_it() -> None:
    done = end()

    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.startswith("scalable: error: a bug in scalable ")
    assert "KeyError: 'lost'\n  help: please report it" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_has_a_trace_when_asked() -> None:
    done = end(SCALABLE_TRACE="1")

    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert "a bug in scalable" in done.stderr


def test_a_bug_is_one_object_with_json() -> None:
    done = end("--json")

    assert (done.returncode, done.stdout) == (70, "")
    assert '"code": "bug", "exit_code": 70' in done.stderr


def test_exit_codes_are_as_documented() -> None:
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 70, 130, 143]


@pytest.mark.parametrize(
    ("stream", "environ", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "0"}, False),
        (Terminal(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_follow_the_conventions(
    stream: io.StringIO, environ: dict[str, str], colour: bool
) -> None:
    assert look_of(stream, environ).colour is colour


def test_a_terminal_gets_colours_and_its_width() -> None:
    parent, child = pty.openpty()
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "50"}
    done = subprocess.run(
        [sys.executable, "-m", "scalable_cli", "prices", "list"], env=env, stdout=child, timeout=60
    )
    os.close(child)
    text = os.read(parent, 1 << 16).decode()
    os.close(parent)

    lines = text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert done.returncode == 0
    assert "\x1b[1mTABLE" in text
    assert len(lines[1]) <= 50
