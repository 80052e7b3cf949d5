"""Trials that lie in files and in homes of `stepladder run`, and reruns on this machine."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stepladder.control.store import STUDIES, TRIALS, Invalid, Object
from stepladder.local import manifest as manifests
from stepladder.local import run_trial
from stepladder.local.disk import Journal
from stepladder.local.layout import Layout
from stepladder.rerun.manifest import Original, again, new_name, original


def documents(file: Path) -> tuple[Object, ...]:
    """The objects of a manifest, those of a List one by one. Raises Invalid."""
    try:
        found = manifests.read(file.read_text())
    except OSError as error:
        raise Invalid(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{file}: is not a text file") from error
    except Invalid as error:
        raise Invalid(f"{file}: {error}") from error
    listed = (item for found_one in found for item in _items(found_one))
    return tuple(item for item in listed if isinstance(item, dict))


def in_file(file: Path, study: Path | None) -> Original:
    """The one Trial of a file, with its study from there or from `study`. Raises Invalid."""
    objects = documents(file)
    trials = [item for item in objects if item.get("kind") == TRIALS.kind]
    if len(trials) != 1:
        raise Invalid(f"{file}: holds {len(trials)} Trials; `stepladder rerun` takes a file with one")
    _sound(file, trials[0])
    return original(trials[0], _study_of(trials[0], [*objects, *(documents(study) if study else ())]))


def in_home(home: Path, name: str) -> Original:
    """A trial of a home, by its name. Raises Invalid and HomeError."""
    stored, _ = Journal(Layout(home).objects).read()
    objects = [item for resource, item in stored if resource in (TRIALS, STUDIES)]
    trials = {item["metadata"]["name"]: item for item in objects if item.get("kind") == TRIALS.kind}
    if name not in trials:
        known = ", ".join(sorted(trials)[:5]) or "none"
        raise Invalid(f"{home}: there is no Trial {name}, of {len(trials)} ({known}): correct the name, or give --home")
    return original(trials[name], _study_of(trials[name], objects))


def run(trial: Original, home: Path, name: str | None, say: Callable[[str], None]) -> Object:
    """Run the rerun in a home of its own below `home`, or go on with it; the Trial as it is then.

    Raises Invalid and HomeError.
    """
    wanted = name or new_name(trial.name, 1)
    layout = Layout((home / wanted).resolve())
    manifest = run_trial.accepted(again(trial, wanted))
    say(f"running {wanted} in {layout.root}")
    return run_trial.run(manifest, layout, say)


def _study_of(trial: Object, objects: Iterable[Object]) -> Object | None:
    wanted = trial["spec"].get("study")
    studies = (item for item in objects if item.get("kind") == STUDIES.kind)
    return next((study for study in studies if study["metadata"]["name"] == wanted), None)


def _items(found: Object) -> Sequence[Object]:
    return found.get("items") or () if found["kind"] == "List" else (found,)


def _sound(file: Path, trial: Object) -> None:
    metadata = trial.get("metadata")
    if not isinstance(metadata, dict) or "name" not in metadata or not isinstance(trial.get("spec"), dict):
        raise Invalid(
            f"{file}: the Trial has no metadata.name or no spec: get it with `kubectl get trial NAME -o yaml`"
        )
