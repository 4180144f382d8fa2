"""Add up test reports; the last line is "N passed, N failed, N skipped".

usage: total.py BROKEN REPORT.xml...    exit code 0 when nothing failed and something passed

BROKEN checks ended badly; the two test runs are among them, so at least that many failed.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET


def main() -> int:
    """Print the total and return the exit code."""
    broken, reports = int(sys.argv[1]), sys.argv[2:]
    total: Counter[str] = Counter()
    for report in reports:
        total += outcomes(Path(report))
    total["failed"] = max(total["failed"], broken)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 0 if total["passed"] and not total["failed"] else 1


def outcomes(report: Path) -> Counter[str]:
    """How the tests of one JUnit file ended; a missing or broken file is one failure."""
    try:
        cases = ET.parse(report).iter("testcase")
        return Counter(outcome({child.tag for child in case}) for case in cases)
    except (OSError, ET.ParseError):
        return Counter(failed=1)


def outcome(tags: set[str]) -> str:
    """How one test ended, from what stands in its element."""
    if tags & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in tags else "passed"


if __name__ == "__main__":
    sys.exit(main())
