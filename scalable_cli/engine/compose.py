"""From a planned step to what a worker is told: key, staged inputs, command."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scalable_cli.engine.call import CALLER
from scalable_cli.engine.outputs import keep_object, read_only
from scalable_cli.engine.steps import RunContext, StagedFile, StepSpec, TaskContext
from scalable_cli.errors import SetupError, StorageError
from scalable_cli.model.digest import digest_of, digest_of_file
from scalable_cli.model.plan import FileInput, InputRef, Plan, Step, StepInput
from scalable_cli.planning import inputs_digest, list_input, render_command, step_key
from scalable_cli.store.cache import object_key
from scalable_cli.store.verified import Condition, Verified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scalable_cli.engine.rundir import RunDirectory
    from scalable_cli.model.artifact import ArtifactRef
    from scalable_cli.model.cache import StepRecord
    from scalable_cli.model.manifest import Manifest
    from scalable_cli.model.plan import PlannedTask

INPUTS = "inputs.json"
# The project files that steps read, by digest: a run goes on without the project or the cache.
STAGED = "staged"


@dataclass
class Composer:
    """Knows the outputs of the steps that ended, and makes the others' specifications.

    `python` is the user's interpreter, needed for tasks that call a function; `folders` are
    the listings that `store_inputs` made.
    """

    plan: Plan
    run: RunDirectory
    python: str | None = None
    folders: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    outputs: dict[int, tuple[ArtifactRef, ...]] = field(default_factory=dict)
    _strayed: bool = False
    _digests: dict[int, str] = field(default_factory=dict)

    def note(self, index: int, outputs: tuple[ArtifactRef, ...]) -> None:
        """A step ended well. Outputs other than the plan counted on make its later keys void."""
        self.outputs[index] = outputs
        record = self.plan.steps[index].record
        if record is not None and record.outputs is not outputs:
            counted_on = [ref.digest for ref in record.outputs]
            self._strayed |= counted_on != [ref.digest for ref in outputs]

    def key(self, index: int) -> tuple[str, Mapping[str, str]]:
        """A step's key and the digests of its inputs; all steps that it needs have ended."""
        step = self.plan.steps[index]
        inputs = {ref.name: self._digest(ref) for ref in step.inputs}
        if step.key and not self._strayed:
            return step.key, inputs
        return step_key(self.plan.task_of(step), step, inputs), inputs

    def spec(self, index: int, attempt: int, memory_bytes: int) -> StepSpec:
        """What a worker needs for one attempt of a step, which may take so much memory."""
        step = self.plan.steps[index]
        planned = self.plan.task_of(step)
        staged: list[StagedFile] = []
        words: dict[str, list[str]] = {}
        for ref in step.inputs:
            words[ref.name] = self._stage(ref, staged)
        names = [name for name, _ in planned.task.outputs]
        outputs = dict(zip(names, step.outputs, strict=True))
        wanted = [n for n in words if _wants_list(planned, n)]
        lists = {name: f"inputs/{name}.list" for name in wanted}
        call: str | None = None
        command: str | tuple[str, ...]
        if planned.task.python is not None:
            command, call = self._call(planned, step, words, outputs)
        else:
            rendered = render_command(planned.task, step.values, words, lists, outputs)
            command = rendered if isinstance(rendered, str) else tuple(rendered)
        return StepSpec(
            index,
            step.id,
            step.task,
            attempt,
            command,
            tuple(staged),
            tuple((path, tuple(words[name])) for name, path in lists.items()),
            tuple(outputs.items()),
            memory_bytes,
            call,
        )

    def reuse(self, record: StepRecord) -> None:
        """Show the outputs of an earlier run among this run's artifacts."""
        store = self.run.store
        for ref in record.outputs:
            target = self.run.artifact_key(ref.path)
            if ref.files is None:
                store.copy(object_key(ref.digest), target)
            else:
                for below, digest, _ in ref.files:
                    store.copy(object_key(digest), f"{target}/{below}")

    def _digest(self, ref: InputRef) -> str:
        if isinstance(ref, FileInput):
            return ref.digest
        known = self._digests.get(id(ref))
        if known is None:
            known = inputs_digest(self._artifacts(ref))
            if len(ref.steps) > 1:  # shared by many steps and alive with the plan
                self._digests[id(ref)] = known
        return known

    def _artifacts(self, ref: StepInput) -> list[ArtifactRef]:
        return [self.outputs[index][ref.output] for index in ref.steps]

    def _stage(self, ref: InputRef, staged: list[StagedFile]) -> list[str]:
        """The paths of an input in the working folder; what must be put there is added."""
        if isinstance(ref, FileInput):
            files = self.folders.get(ref.path, ((ref.path, ref.digest),))
            root = f"inputs/{ref.name}"
            staged.extend(
                StagedFile(f"{root}/{path}", self.run.key(f"{STAGED}/{digest}"))
                for path, digest in files
            )
            return [f"{root}/{ref.path.rstrip('/')}"]
        words = []
        for artifact in self._artifacts(ref):
            path = f"inputs/{ref.name}/{artifact.path}"
            stored = self.run.artifact_key(artifact.path)
            words.append(path)
            if artifact.files is None:
                staged.append(StagedFile(path, stored))
            else:
                staged.extend(
                    StagedFile(f"{path}/{below}", f"{stored}/{below}")
                    for below, _, _ in artifact.files
                )
        return words

    def _call(
        self,
        planned: PlannedTask,
        step: Step,
        words: Mapping[str, list[str]],
        outputs: Mapping[str, str],
    ) -> tuple[tuple[str, ...], str]:
        if self.python is None:
            raise SetupError(
                f'task "{planned.task.name}" needs a Python and none was found',
                hint="--python PATH, or put python3 on the PATH",
            )
        values = zip(planned.task.matrix_names, step.values, strict=True)
        arguments: dict[str, object] = {name: value.plain for name, value in values}
        for ref in step.inputs:
            many = isinstance(ref, StepInput) and len(ref.steps) > 1
            arguments[ref.name] = words[ref.name] if many else words[ref.name][0]
        arguments |= outputs
        call = {"function": planned.task.python, "arguments": arguments, "outputs": outputs}
        return (self.python, "-c", CALLER), json.dumps(call)


def _wants_list(planned: PlannedTask, name: str) -> bool:
    command = planned.task.command
    text = command if isinstance(command, str) else " ".join(command or ())
    return re.search(rf"inputs\.{re.escape(name)}\.list\b", text) is not None


def context_of(plan: Plan, run: RunDirectory) -> RunContext:
    """What the workers must know about the run; scratch and code lie in the local cache."""
    cache = local_cache(plan)
    everything = tuple(file.path for file in plan.code)
    tasks = []
    for planned in plan.tasks:
        own = tuple(file.path for file in planned.code)
        tasks.append(
            TaskContext(
                planned.task.name,
                (*planned.component.env, *planned.task.env),
                planned.task.timeout_s,
                str(planned.component.cpus),
                planned.component.memory_limited,
                planned.task.checkpoint,
                None if own == everything else own,
            )
        )
    return RunContext(
        run.id,
        str(cache / "scratch" / run.id),
        str(cache / "code"),
        plan.code_digest,
        everything,
        tuple(tasks),
    )


def store_inputs(plan: Plan, run: RunDirectory) -> None:
    """Keep the project files that steps read; `inputs.json` lists those that are folders.

    Raises StorageError when a file changed since the plan was made.
    """
    wanted = {
        (ref.path, ref.digest)
        for step in plan.steps
        for ref in step.inputs
        if isinstance(ref, FileInput) and step.record is None
    }
    verified = Verified(run.store, local_cache(plan))
    folders = {}
    for path, digest in sorted(wanted):
        files = list_input(plan.manifest, path)
        if files is None:
            files = ((path, digest),)
        else:
            if digest_of(files) != digest:
                raise StorageError(f'"{path}" changed while it was planned', hint="run again")
            folders[path] = files
        for name, content in files:
            _stage_input(plan, run, name, content, verified)
    verified.save()
    run.write_json(INPUTS, folders)


def local_cache(plan: Plan) -> Path:
    """The plan's folder of this machine that only makes things faster."""
    return local_cache_of(plan.manifest)


def local_cache_of(manifest: Manifest) -> Path:
    """The project's folder of this machine that only makes things faster."""
    return Path(manifest.folder, manifest.project.local_cache)


def read_folders(run: RunDirectory) -> Mapping[str, Sequence[tuple[str, str]]]:
    """The listings that `store_inputs` made."""
    listings = run.read_json(INPUTS)
    return {
        path: [(str(name), str(digest)) for name, digest in files]
        for path, files in listings.items()
        if isinstance(files, list)
    }


def _stage_input(plan: Plan, run: RunDirectory, path: str, digest: str, verified: Verified) -> None:
    """Put a project file into the run: from the cache if its bytes are there, else by copying."""
    target, shared = run.key(f"{STAGED}/{digest}"), object_key(digest)
    if run.store.stat(target) is not None:  # another path has the same content
        return
    if verified.condition(shared, digest) is Condition.SOUND:
        run.store.copy(shared, target)
        return
    source = Path(plan.manifest.folder, path)
    folder = local_cache(plan)
    temporary = folder / f".tmp-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, temporary)
        temporary.chmod(read_only(0))
        if digest_of_file(temporary) != digest:
            raise StorageError(f'"{path}" changed while it was planned', hint="run again")
        run.store.put(target, temporary, move=True)
    except OSError as error:
        raise StorageError(f'cannot read "{path}": {error.strerror}') from error
    finally:
        temporary.unlink(missing_ok=True)
    keep_object(run.store, target, digest)
