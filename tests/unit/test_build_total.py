"""The last line of a test run says how many passed and failed, and never flatters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOTAL = Path(__file__).resolve().parents[2] / "build" / "total.py"
MIXED = """<testsuites><testsuite>
<testcase/><testcase/><testcase><skipped/></testcase>
<testcase><failure/></testcase><testcase><error/></testcase>
</testsuite></testsuites>"""
GOOD = "<testsuites><testsuite><testcase/><testcase><skipped/></testcase></testsuite></testsuites>"
NONE = "<testsuites><testsuite/></testsuites>"


@pytest.mark.parametrize(
    ("broken", "reports", "line", "code"),
    [
        (0, [GOOD, GOOD], "2 passed, 0 failed, 2 skipped", 0),
        (1, [MIXED, GOOD], "3 passed, 2 failed, 2 skipped", 1),
        (1, [GOOD], "1 passed, 1 failed, 1 skipped", 1),
        (0, [GOOD, None], "1 passed, 1 failed, 1 skipped", 1),
        (0, [GOOD, "<testsu"], "1 passed, 1 failed, 1 skipped", 1),
        (0, [NONE], "0 passed, 0 failed, 0 skipped", 1),
    ],
)
def test_reports_are_added_up(
    tmp_path: Path, broken: int, reports: list[str | None], line: str, code: int
) -> None:
    names = []
    for number, text in enumerate(reports):
        names.append(str(tmp_path / f"{number}.xml"))
        if text is not None:
            Path(names[-1]).write_text(text)

    done = subprocess.run(
        [sys.executable, TOTAL, str(broken), *names], capture_output=True, text=True
    )

    assert (done.stdout, done.stderr, done.returncode) == (f"{line}\n", "", code)
