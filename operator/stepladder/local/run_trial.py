"""One Trial by itself on this machine, to its target, resumed at will."""

import asyncio
from collections.abc import Callable
from typing import Final

from stepladder.control.store import PODS, TRIALS, Invalid, NotFound, Object
from stepladder.control.trial_view import over
from stepladder.local import quota
from stepladder.local.admission import admit
from stepladder.local.command import problems as laptop_problems
from stepladder.local.disk import HomeError, durable_store, locked
from stepladder.local.layout import Layout
from stepladder.local.manifest_check import checked
from stepladder.local.store import MemoryStore
from stepladder.local.working import logged, provide_claims, signals, work

_LOOK_SECONDS: Final = 0.25


def accepted(manifest: Object) -> Object:
    """The trial as it would be stored. Raises Invalid with a sentence, before anything is written anywhere."""
    trial = checked(manifest)
    found = laptop_problems(trial["spec"]["trainer"]["template"]["spec"])
    if found:
        raise Invalid("; ".join(found))
    return trial


def run(manifest: Object, layout: Layout, say: Callable[[str], None]) -> Object:
    """Run the trial, which is `accepted`, until it is `over`, or a SIGINT or SIGTERM; the trial as it is then.

    Raises HomeError if the home cannot be used, or holds something else.
    """
    with locked(layout), logged(layout), durable_store(layout, admit, say) as store:
        return asyncio.run(_run(store, manifest, layout, say))


async def _run(store: MemoryStore, manifest: Object, layout: Layout, say: Callable[[str], None]) -> Object:
    namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
    try:
        trial = await store.get(TRIALS, namespace, name)
    except NotFound:
        trial = await store.create(TRIALS, manifest)
    if trial["spec"] != manifest["spec"]:
        raise HomeError(f"{layout.root} holds another trial of this name: remove it, or give another --name")
    await provide_claims(store, trial)

    async def follow() -> None:
        while True:
            pods = (await store.list(PODS)).items
            if over(await store.get(TRIALS, namespace, name)) and all(map(quota.terminal, pods)):
                return
            await asyncio.sleep(_LOOK_SECONDS)

    if not over(trial):
        with signals(lambda: say("stopping: the trainer saves its checkpoint")) as interrupted:
            await work(store, layout, namespace, follow(), interrupted)
    return await store.get(TRIALS, namespace, name)
