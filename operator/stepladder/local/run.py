"""`stepladder run`: one study, its controller and its kubelet, from the first trial to the report, resumed at will."""

import asyncio
from dataclasses import dataclass
from typing import Final

from stepladder.control.store import PODS, STUDIES, TRIALS, Invalid, NotFound, Object
from stepladder.local import quota
from stepladder.local.admission import admit
from stepladder.local.command import problems as laptop_problems
from stepladder.local.disk import HomeError, durable_store, locked
from stepladder.local.layout import Layout
from stepladder.local.manifest_check import checked
from stepladder.local.progress import Progress
from stepladder.local.snapshot import Snapshot, snapshot
from stepladder.local.store import MemoryStore
from stepladder.local.working import logged, provide_claims, signals, work

_REDRAW_SECONDS: Final = 0.25
_REST_PER_WORK: Final = 20


@dataclass(frozen=True)
class Ending:
    """Where the run left the study."""

    last: Snapshot
    interrupted: bool = False
    was_finished: bool = False  # before this run began
    changed: bool = False  # the manifest, since then: that is not run


def accepted(manifest: Object) -> Object:
    """The study as it would be stored. Raises Invalid with a sentence, before anything is written anywhere."""
    study = checked(manifest)
    spec = study["spec"]
    if spec.get("suspend"):
        raise Invalid("spec.suspend is true, so nothing would run: remove it")
    if any(round_.get("sampler", {}).get("warmStart") for round_ in spec["rounds"]):
        raise Invalid(
            "sampler.warmStart needs the earlier study beside this one, and a home holds one study: list its best"
            " configurations in a first round with sampler.algorithm: Explicit"
        )
    found = laptop_problems(spec["trainer"]["template"]["spec"])
    if found:
        raise Invalid("; ".join(found))
    return study


def run(manifest: Object, layout: Layout, progress: Progress) -> Ending:
    """Run the study to its end, or until a SIGINT or SIGTERM. `manifest` is `accepted`.

    Raises HomeError if the home cannot be used, and Invalid if it holds this study with a spec that cannot become the
    manifest's.
    """
    with locked(layout), logged(layout), durable_store(layout, admit, progress.say) as store, progress:
        return asyncio.run(_run(store, manifest, layout, progress))


async def _run(store: MemoryStore, manifest: Object, layout: Layout, progress: Progress) -> Ending:
    study = await _applied(store, manifest)
    began = await _now(store, study)
    if began.verdict is not None:
        return Ending(began, was_finished=True, changed=study["spec"] != manifest["spec"])
    await provide_claims(store, study)
    with signals(lambda: progress.say("stopping: trainers save their checkpoints")) as interrupted:
        await work(store, layout, study["metadata"]["namespace"], _follow(store, study, progress), interrupted)
    last = await _now(store, study)
    return Ending(last, interrupted=last.verdict is None and not last.refused)


async def _follow(store: MemoryStore, study: Object, progress: Progress) -> None:
    """Show how it goes until it is over: verdict or refusal, no pod running, every trial with its outcome."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        at = await _now(store, study)
        progress.show(at)
        over = at.refused or (at.verdict is not None and all(trial.outcome is not None for trial in at.trials))
        if over and all(quota.terminal(pod) for pod in (await store.list(PODS)).items):
            return
        # However many trials there are to look at, the looking may not take the loop from the reconcilers.
        await asyncio.sleep(max(_REDRAW_SECONDS, _REST_PER_WORK * (loop.time() - began)))


async def _applied(store: MemoryStore, manifest: Object) -> Object:
    """The home's study, made or brought up to the manifest. A finished study is left as it is."""
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    for other in (await store.list(STUDIES)).items:
        held = (other["metadata"]["namespace"], other["metadata"]["name"])
        if held != (namespace, name):
            raise HomeError(f"this home holds the study {'/'.join(held)}: give {namespace}/{name} another --home")
    try:
        study = await store.get(STUDIES, namespace, name)
    except NotFound:
        return await store.create(STUDIES, manifest)
    if (await _now(store, study)).verdict is not None:
        return study
    change = [{"op": "replace", "path": "/spec", "value": manifest["spec"]}]
    try:
        return await store.patch(STUDIES, namespace, name, change)
    except Invalid as error:
        raise Invalid(f"{error}; or give the changed study another --home, to begin it anew") from error


async def _now(store: MemoryStore, study: Object) -> Snapshot:
    metadata = study["metadata"]
    newest = await store.get(STUDIES, metadata["namespace"], metadata["name"])
    return snapshot(newest, (await store.list(TRIALS, metadata["namespace"])).items)
