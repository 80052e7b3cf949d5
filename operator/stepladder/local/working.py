"""Controller and kubelet side by side, until what is followed is over, with the program's log in the home."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator

from stepladder.control.store import CLAIMS, AlreadyExists, Object
from stepladder.local.kubelet import Kubelet
from stepladder.local.layout import Layout
from stepladder.local.store import MemoryStore


async def work(
    store: MemoryStore,
    layout: Layout,
    namespace: str,
    following: Coroutine[None, None, None],
    interrupted: asyncio.Event,
) -> None:
    """Let controller and kubelet work until `following` returns, a signal comes, or one of them breaks."""
    from stepladder.control.controller import Controller  # slow to import: not for those that only look

    kubelet = Kubelet(store, layout)
    storage = f"sqlite:///{layout.optuna.absolute()}"
    controller = Controller(store, storage_url=storage, namespace=namespace, deploys=False)
    controlling = asyncio.create_task(controller.run())
    serving = asyncio.create_task(kubelet.run())
    enough = [asyncio.create_task(interrupted.wait()), asyncio.create_task(following)]
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


async def provide_claims(store: MemoryStore, owner: Object) -> None:
    """A laptop has a volume for every claim that the study's, or the trial's, trainer names."""
    trainer = owner["spec"]["trainer"]
    claims = [volume.get("persistentVolumeClaim") for volume in trainer["template"]["spec"].get("volumes") or ()]
    claims.append(trainer.get("checkpoints", {}).get("persistentVolumeClaim"))
    for name in {claim["claimName"] for claim in claims if claim}:
        metadata = {"name": name, "namespace": owner["metadata"]["namespace"]}
        manifest = {"apiVersion": CLAIMS.api_version, "kind": CLAIMS.kind, "metadata": metadata, "spec": {}}
        with contextlib.suppress(AlreadyExists):
            await store.create(CLAIMS, manifest)
        await store.patch_status(CLAIMS, metadata["namespace"], name, {"status": {"phase": "Bound"}})


@contextlib.contextmanager
def signals(on_first: Callable[[], None]) -> Iterator[asyncio.Event]:
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
