"""Trials on a cluster, and their reruns there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from stepladder.cluster.connection import api_client, configure
from stepladder.cluster.feed import Feed
from stepladder.cluster.store import ApiServerStore
from stepladder.control.store import (
    STUDIES,
    TRIALS,
    AlreadyExists,
    Invalid,
    NotFound,
    Object,
    ObjectStore,
    Unavailable,
)
from stepladder.control.trial_view import over
from stepladder.rerun.manifest import OF_ANNOTATION, Original, again, new_name, original

LOOK_SECONDS: Final = 2.0


@asynccontextmanager
async def connected(kubeconfig: Path | None) -> AsyncIterator[ObjectStore]:
    """The API server that kubectl would use. Raises Invalid where none is named."""
    try:
        configuration = await configure(kubeconfig)
    except Exception as error:  # the client's ConfigException, and whatever a broken file brings about
        raise Invalid(
            f"no cluster is configured ({error}): give --kubeconfig, a file with the Trial, or the --home of a"
            " `stepladder run`"
        ) from error
    client = api_client(configuration)
    try:
        yield ApiServerStore(client, Feed())
    finally:
        await client.close()


async def find(store: ObjectStore, namespace: str, name: str) -> Original:
    """A trial and what its study gave it. Raises Invalid, and StoreError if the API server refuses."""
    try:
        trial = await store.get(TRIALS, namespace, name)
    except NotFound as error:
        raise Invalid(
            f"there is no Trial {name} in namespace {namespace}: correct the name, or give --namespace"
        ) from error
    study: Object | None = None
    if wanted := trial["spec"].get("study"):
        try:
            study = await store.get(STUDIES, namespace, wanted)
        except NotFound:
            study = None
    return original(trial, study)


async def applied(store: ObjectStore, trial: Original, name: str | None) -> Object:
    """The rerun, made under the first free name; of `name`, one that is there already is taken.

    Raises Invalid if `name` is another's.
    """
    number = 1
    while True:
        wanted = name or new_name(trial.name, number)
        try:
            return await store.create(TRIALS, again(trial, wanted))
        except AlreadyExists:
            number += 1
        if name is not None:
            found = await store.get(TRIALS, trial.namespace, name)
            if (found["metadata"].get("annotations") or {}).get(OF_ANNOTATION) == trial.name:
                return found
            raise Invalid(f"Trial {name} exists and is no rerun of {trial.name}: give another --name")


async def followed(store: ObjectStore, trial: Object, say: Callable[[str], None]) -> Object:
    """The trial when it is over. An API server that is away is waited for."""
    namespace, name = trial["metadata"]["namespace"], trial["metadata"]["name"]
    told = ""
    while not over(trial):
        if (now := _whereabouts(trial)) != told:
            told = now
            say(f"{name}: {now}")
        await asyncio.sleep(LOOK_SECONDS)
        try:
            trial = await store.get(TRIALS, namespace, name)
        except Unavailable:
            continue
        except NotFound as error:
            raise Invalid(f"Trial {name} was deleted before it had ended: run it again") from error
    return trial


def _whereabouts(trial: Object) -> str:
    status = trial.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    message = conditions.get("Progressing", {}).get("message", "")
    return ": ".join(filter(None, (status.get("phase") or "waits for the operator", message)))
