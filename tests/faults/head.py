"""A head in a process of its own: `python head.py FOLDER run|resume SETTINGS`.

SETTINGS is JSON: `faults` (fields of Faults), `patience_s`, `keep_going`, `max_duration_s`,
`clock` (a file with seconds that the clock is off). The process ends with
the exit code that the command would have; errors go to stderr with their hint.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(folder: Path, verb: str, settings: dict[str, object]) -> int:
    from faulty_store import Faults, FaultyStore

    from scalable_cli import wiring
    from scalable_cli.engine.rundir import find_run
    from scalable_cli.errors import ScalableError
    from scalable_cli.host import Host
    from scalable_cli.host.patience import Patience
    from scalable_cli.model.run import RunState
    from scalable_cli.session import open_session
    from scalable_cli.session.running import RunRequest, resume_run, run_plan
    from scalable_cli.store.patient import PatientStore

    clock = settings.get("clock")

    def now() -> float:
        try:
            return time.time() + float(Path(str(clock)).read_text())
        except (OSError, ValueError):
            return time.time()

    silent = io.StringIO()
    host = Host(dict(os.environ), folder, silent, silent, silent, now)
    session = open_session(None, host)
    store = wiring.storage_of(session.manifest)
    if "faults" in settings:
        store = FaultyStore(store, Faults(**settings["faults"]))
    store = PatientStore(store, Patience(total_s=float(settings.get("patience_s", 600))))
    session = replace(session, storage=store)
    try:
        if verb == "resume":
            result = resume_run(find_run(store, None), host)
        else:
            request = RunRequest(
                keep_going=bool(settings.get("keep_going")),
                max_duration_s=settings.get("max_duration_s"),
            )
            result = run_plan(session, session.plan(), None, request)
    except ScalableError as error:
        sys.stderr.write(f"{error.text}\nhelp: {error.hint}\n")
        return error.exit
    except KeyboardInterrupt:
        return 130
    codes = {RunState.DONE: 0, RunState.FAILED: 1}
    return codes.get(result.run.state, 6)


if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
