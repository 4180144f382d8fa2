"""The session that a command line asks for, and what commands say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalable_cli.errors import RefusedError, UsageError
from scalable_cli.model.estimate import Basis, BasisKind, TimeEstimate
from scalable_cli.session import open_session
from scalable_cli.wiring import require_launcher

if TYPE_CHECKING:
    from scalable_cli.arguments import Arguments
    from scalable_cli.host import Host
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.plan import Plan
    from scalable_cli.session import Session

MANIFEST = "scalable.yaml"


def session_of(args: Arguments, host: Host, path: str | None = None) -> Session:
    """Open the manifest that is named, for the target and with the overrides that are."""
    session = open_session(
        path or args.text("MANIFEST"),
        host,
        target=args.text("--target"),
        overlay=args.text("--overlay"),
        env_file=args.text("--env-file"),
    )
    overrides = dict(_assignment(text) for text in args.texts("--set"))
    return session.with_overrides(overrides) if overrides else session


def times_of(session: Session, plan: Plan) -> dict[str, TimeEstimate]:
    """What one step of each task takes: as observed, else as the manifest declares."""
    times = {}
    for name, seen in session.observed(plan).items():
        times[name] = TimeEstimate(seen.seconds, Basis(BasisKind.OBSERVED, seen.count))
    for task in session.manifest.tasks:
        if task.name not in times and task.declared.duration_s is not None:
            basis = Basis(BasisKind.DECLARED)
            times[task.name] = TimeEstimate(task.declared.duration_s, basis)
    return times


def startable(manifest: Manifest) -> bool:
    """Whether this version can start runs on the manifest's target."""
    try:
        require_launcher(manifest.target)
    except RefusedError:
        return False
    return True


def run_command(manifest: Manifest, args: Arguments) -> list[str]:
    """The command line that runs what this one planned."""
    command = ["scalable", "run"]
    if manifest.path != MANIFEST:
        command.append(manifest.path)
    if manifest.target.name != manifest.target_names[0]:
        command += ["--target", manifest.target.name]
    for name in ("--overlay", "--env-file"):
        value = args.text(name)
        command += [name, value] if value else []
    command += [word for task in args.texts("--only") for word in ("--only", task)]
    return [*command, "--force"] if args.flag("--force") else command


def _assignment(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise UsageError(f'--set must be like worker_cpu=8192, not "{text}"')
    return key.strip(), value.strip()
