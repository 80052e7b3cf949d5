"""The search on a real cluster: Auto does what it chooses, frozen trials resume from checkpoints, a model proposes.

Neither a Trial that somebody applies nor the death of the operator leads it astray.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.faults import erase_record, operator_pod, sigkill
from e2e.manifests import small_study
from e2e.observe import STUDY_LABEL, Outcome, apply, describe, get, outcome, wait_until
from stepladder.api.model import Scalar
from stepladder.control.store import TRIALS
from stepladder.engine.reading import read
from stepladder.local.disk import Journal
from stepladder.local.layout import Layout
from stepladder.search.histories import history
from stepladder.search.record import OptunaRecord
from stepladder.search.storage import IN_MEMORY

TRIALS_OF_AUTO = 16  # enough for Auto to trust a model
RUNGS = (20, 80, 160)
OPENING = RUNGS[-1] // RUNGS[0]
STARTUP = 10  # results before a model proposes
BY_HAND = {"learning_rate": 0.05, "momentum": 0.9, "optimizer": "nesterov"}
SECONDS = 900


def auto_study() -> dict[str, Any]:
    """Everything left to Auto but the lowest rung, which is as high as 16 trials need it to be."""
    pruner = {"algorithm": "Auto", "minSteps": RUNGS[0], "reductionFactor": 4}
    sampler = {"algorithm": "Auto"}
    explore = {"name": "explore", "trials": TRIALS_OF_AUTO, "maxSteps": RUNGS[-1], "sampler": sampler, "pruner": pruner}
    return small_study("auto", rounds=[explore], parallelism=2)


def model_study() -> dict[str, Any]:
    """Nine trials, of which a Gaussian process proposes five, one at a time."""
    sampler = {"algorithm": "GaussianProcess", "startupTrials": 4}
    pruner = {"algorithm": "FreezeThaw", "minSteps": 30}
    return small_study(
        "model", rounds=[{"name": "explore", "trials": 9, "maxSteps": 90, "sampler": sampler, "pruner": pruner}]
    )


def applied_by_hand() -> dict[str, Any]:
    """A Trial as a person would write it."""
    spec = {"study": "auto", "round": "explore", "parameters": BY_HAND, "targetSteps": 160, "horizonSteps": 160}
    return {
        "apiVersion": "tuning.stepladder.dev/v1alpha1",
        "kind": "Trial",
        "metadata": {"name": "by-hand"},
        "spec": spec,
    }


def there(study: str, namespace: str) -> list[dict[str, Any]]:
    """The study's own trials so far."""
    return list(get("trials", namespace=namespace, labels=STUDY_LABEL + "=" + study))


def quasi_random(manifest: dict[str, Any]) -> list[Mapping[str, Scalar]]:
    """What would have been proposed without a model, whatever the results."""
    [explore] = manifest["spec"]["rounds"]
    plain = {key: explore[key] for key in ("name", "trials", "maxSteps")}
    spec = read({**manifest["spec"], "rounds": [plain | {"sampler": {"algorithm": "QuasiRandom"}}]})
    asked = history("study", spec, spec.rounds[0], 0, ())
    record = OptunaRecord(IN_MEMORY)
    return [record.propose(asked, index) for index in range(explore["trials"])]


@pytest.fixture(scope="module")
def auto(operator: str, module_namespace: str) -> Outcome:
    """The study that is left to Auto, to which a person has added a Trial while it ran."""
    apply(auto_study(), module_namespace)
    wait_until("three trials exist", lambda: len(there("auto", module_namespace)) >= 3, seconds=SECONDS)
    apply(applied_by_hand(), module_namespace)
    return outcome("auto", module_namespace, seconds=SECONDS)


def proposed(ended: Outcome) -> list[dict[str, Any]]:
    """The trials that the study made itself, by number."""
    return [trial for trial in ended.trials if trial["metadata"]["name"] != "by-hand"]


def test_auto_says_what_it_has_chosen(auto: Outcome) -> None:
    meta = auto.study["metadata"]
    told = [e for e in get("events", namespace=meta["namespace"]) if e["involvedObject"]["uid"] == meta["uid"]]
    [chosen] = [e for e in told if e["reason"] == "AutoChose"]
    assert chosen["message"].startswith("round explore: sampler GaussianProcess, since ")
    assert "; pruner FreezeThaw, since " in chosen["message"]
    assert chosen["count"] == 1


def test_frozen_trials_go_on_from_their_checkpoints(auto: Outcome) -> None:
    """Each segment begins where the one before it ended. Catches a step that is trained twice, and a lost one."""
    segments = list(pairwise((0, *RUNGS)))
    thawed = 0
    for trial in proposed(auto):
        attempts = trial["status"]["attempts"]
        thawed += len(attempts) > 1
        assert trial["spec"]["rungSteps"] == list(RUNGS)
        assert [(a["fromStep"], a["toStep"]) for a in attempts] == segments[: len(attempts)], trial["metadata"]["name"]
        assert [a["trainedSteps"] for a in attempts] == [a["toStep"] - a["fromStep"] for a in attempts]
    assert TRIALS_OF_AUTO // 4 <= thawed < TRIALS_OF_AUTO
    assert auto.study["status"]["trainedSteps"] == sum(trial["status"]["steps"] for trial in auto.trials)


def test_nobody_is_thawed_before_the_opening(auto: Outcome) -> None:
    """Catches Auto's choice told, and ASHA done, which would promote after three results."""
    thawed = [a["endedAt"] for trial in proposed(auto) for a in trial["status"]["attempts"] if a["number"] > 1]
    last_of_opening = proposed(auto)[OPENING - 1]["metadata"]["creationTimestamp"]
    assert min(map(datetime.fromisoformat, thawed)) >= datetime.fromisoformat(last_of_opening)


def test_after_the_startup_a_model_proposes(auto: Outcome) -> None:
    """One of the results may be that of the added Trial, and two trials run at once."""
    without, ours = quasi_random(auto_study()), [trial["spec"]["parameters"] for trial in proposed(auto)]
    assert ours[: STARTUP - 1] == without[: STARTUP - 1]
    modelled = ours[STARTUP + 1 :]
    assert len(modelled) == 5
    assert [parameters for parameters in modelled if parameters in without] == []


def test_an_applied_trial_is_taken_in_trained_and_counted(auto: Outcome) -> None:
    [by_hand] = [trial for trial in auto.trials if trial["metadata"]["name"] == "by-hand"]
    assert [o["uid"] for o in by_hand["metadata"]["ownerReferences"]] == [auto.study["metadata"]["uid"]]
    assert by_hand["spec"]["parameters"] == BY_HAND
    assert by_hand["status"]["outcome"] == "Completed"
    assert [(a["fromStep"], a["toStep"]) for a in by_hand["status"]["attempts"]] == [(0, 160)]
    assert [trial["spec"]["configuration"] for trial in proposed(auto)] == list(range(TRIALS_OF_AUTO))


def test_the_status_tells_how_it_ended(auto: Outcome) -> None:
    status, ends = auto.study["status"], Counter(trial["status"]["outcome"] for trial in auto.trials)
    assert auto.succeeded
    assert status["phase"] == "Succeeded"
    assert status["progress"] == f"0/{TRIALS_OF_AUTO + 1}/{TRIALS_OF_AUTO + 1}"
    assert set(ends) == {"Completed", "Pruned"}
    counted = {"succeeded": ends["Completed"], "pruned": ends["Pruned"], "total": TRIALS_OF_AUTO + 1}
    assert {where: count for where, count in status["trials"].items() if count} == counted
    finalists = [trial for trial in auto.trials if trial["status"]["outcome"] == "Completed"]
    assert status["best"]["value"] == min(trial["status"]["best"]["value"] for trial in finalists)
    assert status["fullTrainingSteps"] == (TRIALS_OF_AUTO + 1) * RUNGS[-1]


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The study with a model on the laptop, where it runs while the cluster's does; the process and its home."""
    path, home = tmp_path / "study.yaml", tmp_path / "home"
    path.write_text(yaml.safe_dump(model_study()))
    command = ["stepladder", "run", str(path), "--home", str(home), "--output", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process, home
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=60)


def test_an_operator_killed_while_a_model_proposes_makes_no_difference(
    operator: str, namespace: str, laptop: tuple[subprocess.Popen[str], Path]
) -> None:
    """Catches proposals that hang on what a process has seen, on its random numbers, or on the samplers' database."""
    process, home = laptop
    apply(model_study(), namespace)
    wait_until("the model has proposed", lambda: len(there("model", namespace)) >= 5, seconds=SECONDS)
    sigkill(operator_pod(operator))
    wait_until("it has proposed again", lambda: len(there("model", namespace)) >= 7, seconds=SECONDS)
    erase_record(operator)
    sigkill(operator_pod(operator))
    disturbed = outcome("model", namespace, seconds=SECONDS)
    output, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output + errors
    found, _ = Journal(Layout(home).objects).read()
    trials = [manifest for resource, manifest in found if resource is TRIALS]
    undisturbed = Outcome({}, tuple(sorted(trials, key=lambda trial: trial["spec"]["number"])))

    assert [t["spec"]["parameters"] for t in disturbed.trials] == [t["spec"]["parameters"] for t in undisturbed.trials]
    assert disturbed.curves == undisturbed.curves, describe("model", namespace)
    assert disturbed.trained_steps == undisturbed.trained_steps
    without = quasi_random(model_study())
    assert [t["spec"]["number"] for t in disturbed.trials if t["spec"]["parameters"] in without] == [0, 1, 2, 3]
