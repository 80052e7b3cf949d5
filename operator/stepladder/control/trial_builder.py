"""From the engine's `Start` to the manifest of a Trial. Pure."""

from collections.abc import Mapping

from stepladder.api import names
from stepladder.api.model import Scalar
from stepladder.api.probes import Probe
from stepladder.api.rounds import Resource
from stepladder.api.trial import Member, TrialSpec
from stepladder.control.ownership import owner_reference
from stepladder.control.store import TRIALS, Object
from stepladder.engine.actions import Start


def trial_name(study: str, number: int) -> str:
    """Trials are numbered over their study, so that a second controller cannot make the same trial twice."""
    return f"{study}-{number}"


def build_trial(
    study: Object, start: Start, parameters: Mapping[str, Scalar], members: tuple[Member, ...] = ()
) -> Object:
    """The Trial that the engine wants started."""
    meta = study["metadata"]
    spec = TrialSpec(
        study=meta["name"],
        number=start.number,
        round=start.round,
        bracket=start.bracket,
        configuration=start.configuration,
        repeat=start.repeat,
        parameters=dict(parameters),
        seed=start.seed,
        target_steps=start.target_steps,
        horizon_steps=start.horizon_steps,
        rung_steps=start.rung_steps,
        resource=_resource(study, start.round),
        probe=_probe(study, start.round),
        members=members,
    )
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {
            "name": trial_name(meta["name"], start.number),
            "namespace": meta["namespace"],
            "labels": {names.STUDY_LABEL: meta["name"], names.ROUND_LABEL: start.round},
            "ownerReferences": [owner_reference(study)],
        },
        "spec": spec.wire(),
    }


def _probe(study: Object, round_name: str) -> Probe | None:
    given = next((r.get("probe") for r in study["spec"]["rounds"] if r["name"] == round_name), None)
    return None if given is None else Probe.model_validate(given)


def _resource(study: Object, round_name: str) -> Resource:
    pruners = {round_["name"]: round_.get("pruner", {}) for round_ in study["spec"]["rounds"]}
    return Resource(pruners.get(round_name, {}).get("resource", Resource.STEPS))
