"""`stepladder run`: one study, its controller and its kubelet, from the first trial to the report, resumed at will."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stepladder.control.store import CLAIMS, PODS, STUDIES, TRIALS, AlreadyExists, Invalid, NotFound, Object
from stepladder.local import quota
from stepladder.local.admission import admit
from stepladder.local.command import problems as laptop_problems
from stepladder.local.disk import HomeError, durable_store, locked
from stepladder.local.kubelet import Kubelet
from stepladder.local.layout import Layout
from stepladder.local.manifest_check import checked
from stepladder.local.progress import Progress
from stepladder.local.snapshot import Snapshot, snapshot
from stepladder.local.store import MemoryStore

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
    await _provide_claims(store, study)
    with _signals(lambda: progress.say("stopping: trainers save their checkpoints")) as interrupted:
        await _until(store, study, layout, progress, interrupted)
    last = await _now(store, study)
    return Ending(last, interrupted=last.verdict is None and not last.refused)


async def _until(
    store: MemoryStore, study: Object, layout: Layout, progress: Progress, interrupted: asyncio.Event
) -> None:
    """Let controller and kubelet work until the study is over, a signal comes, or one of them breaks."""
    from stepladder.control.controller import Controller  # slow to import: not for those that only look

    kubelet = Kubelet(store, layout)
    controller = Controller(
        store, storage_url=f"sqlite:///{layout.optuna.absolute()}", namespace=study["metadata"]["namespace"]
    )
    controlling = asyncio.create_task(controller.run())
    serving = asyncio.create_task(kubelet.run())
    enough = [asyncio.create_task(interrupted.wait()), asyncio.create_task(_follow(store, study, progress))]
    try:
        await asyncio.wait({controlling, serving, *enough}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # The controller first: what it would make of the trainers' ends now is for the next run to decide.
        for task in (controlling, *enough):
            task.cancel()
        kubelet.shut_down()
        ends = await asyncio.gather(controlling, serving, *enough, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
            raise end


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


async def _provide_claims(store: MemoryStore, study: Object) -> None:
    """A laptop has a volume for every claim that the study names."""
    trainer = study["spec"]["trainer"]
    claims = [volume.get("persistentVolumeClaim") for volume in trainer["template"]["spec"].get("volumes") or ()]
    claims.append(trainer.get("checkpoints", {}).get("persistentVolumeClaim"))
    for name in {claim["claimName"] for claim in claims if claim}:
        metadata = {"name": name, "namespace": study["metadata"]["namespace"]}
        manifest = {"apiVersion": CLAIMS.api_version, "kind": CLAIMS.kind, "metadata": metadata, "spec": {}}
        with contextlib.suppress(AlreadyExists):
            await store.create(CLAIMS, manifest)
        await store.patch_status(CLAIMS, metadata["namespace"], name, {"status": {"phase": "Bound"}})


async def _now(store: MemoryStore, study: Object) -> Snapshot:
    metadata = study["metadata"]
    newest = await store.get(STUDIES, metadata["namespace"], metadata["name"])
    return snapshot(newest, (await store.list(TRIALS, metadata["namespace"])).items)


@contextlib.contextmanager
def _signals(on_first: Callable[[], None]) -> Iterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set. Every further one changes nothing."""
    interrupted = asyncio.Event()

    def hear() -> None:
        if not interrupted.is_set():
            interrupted.set()
            on_first()

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, hear)
    try:
        yield interrupted
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            if interrupted.is_set():  # the process is ending, and nothing may cut that short
                signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def logged(layout: Layout) -> Iterator[None]:
    """The program's own log goes to a file of the home: the terminal belongs to the display."""
    handler = _LogFile(layout.root / "stepladder.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        with contextlib.suppress(OSError):  # a full disk
            handler.close()


class _LogFile(logging.FileHandler):
    """A log that cannot be written says nothing: the store complains of the same disk, and in one sentence."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name that logging calls
        """Drop the record."""
