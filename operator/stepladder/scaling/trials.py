"""A study and its trials, wherever they lie: a cluster, a home of `stepladder run`, or a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from stepladder.api import names
from stepladder.api.study import TuningStudySpec
from stepladder.control.ownership import owns
from stepladder.control.store import STUDIES, TRIALS, Invalid, NotFound, Object, ObjectStore
from stepladder.control.trial_view import trial_view
from stepladder.engine import reading
from stepladder.engine.observed import TrialView
from stepladder.local.disk import Journal
from stepladder.local.layout import Layout
from stepladder.rerun import here
from stepladder.rerun.on_cluster import connected


@dataclass(frozen=True)
class Study:
    """What a report looks at."""

    name: str
    spec: TuningStudySpec
    trials: tuple[TrialView, ...]


def in_home(home: Path, name: str) -> Study:
    """The study of a home, by its name. Raises Invalid and HomeError."""
    stored, _ = Journal(Layout(home).objects).read()
    objects = [item for resource, item in stored if resource in (STUDIES, TRIALS)]
    for study in objects:
        if study["kind"] == STUDIES.kind and study["metadata"]["name"] == name:
            return _read(study, (item for item in objects if item["kind"] == TRIALS.kind and owns(study, item)))
    known = [item["metadata"]["name"] for item in objects if item["kind"] == STUDIES.kind]
    raise Invalid(
        f"{home}: there is no TuningStudy {name} ({', '.join(known) or 'none at all'}): run it first, correct the name,"
        " or give --home"
    )


def in_file(file: Path, home: Path | None) -> Study:
    """The one study of a file, with its trials from there; of a file that has none from `home`, or from where
    `stepladder run` would have put them. Raises Invalid and HomeError."""
    objects = here.documents(file)
    studies = [item for item in objects if item.get("kind") == STUDIES.kind]
    if len(studies) != 1:
        raise Invalid(f"{file}: holds {len(studies)} TuningStudies; `stepladder batch-scaling` takes a file with one")
    name = studies[0]["metadata"]["name"]
    trials = [item for item in objects if item.get("kind") == TRIALS.kind]
    if home is not None or not trials:
        return in_home(home or Path(".stepladder") / name, name)
    return _read(studies[0], (trial for trial in trials if trial["spec"].get("study") == name))


async def on_cluster(kubeconfig: Path | None, namespace: str, name: str) -> Study:
    """A study that the API server has. Raises Invalid, and StoreError if the API server refuses."""
    async with connected(kubeconfig) as store:
        return await in_store(store, namespace, name)


async def in_store(store: ObjectStore, namespace: str, name: str) -> Study:
    """A study that a store has. Raises Invalid, and StoreError if the store refuses."""
    try:
        study = await store.get(STUDIES, namespace, name)
    except NotFound as error:
        raise Invalid(
            f"there is no TuningStudy {name} in namespace {namespace}: correct the name, or give --namespace"
        ) from error
    trials = (await store.list(TRIALS, namespace, {names.STUDY_LABEL: name})).items
    return _read(study, (trial for trial in trials if owns(study, trial)))


def _read(study: Object, trials: Iterable[Object]) -> Study:
    name = study["metadata"]["name"]
    try:
        views = sorted(map(trial_view, trials), key=lambda view: (view.added, view.number, view.name))
        return Study(name, reading.read(study["spec"]), tuple(views))
    except (ValidationError, KeyError) as error:
        raise Invalid(f"TuningStudy {name} cannot be read: {error}") from error
