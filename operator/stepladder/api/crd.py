"""The CustomResourceDefinitions, generated from the models: `python -m stepladder.api.crd crds/` writes them."""

import sys
from pathlib import Path
from typing import Any

import yaml

from stepladder.api import names
from stepladder.api.model import ApiModel, cel, rules
from stepladder.api.structural import Schema, structural
from stepladder.api.study import TuningStudySpec, TuningStudyStatus
from stepladder.api.trial import TrialSpec, TrialStatus

CATEGORY = "tuning"
HEADER = "# Generated from operator/stepladder/api by `make generate`. Do not edit.\n"


def column(name: str, path: str, kind: str, description: str) -> dict[str, str]:
    """A printer column of `kubectl get`."""
    return {"name": name, "type": kind, "jsonPath": path, "description": description}


AGE = column("Age", ".metadata.creationTimestamp", "date", "Time since it was created")

STUDY_COLUMNS = [
    column("Phase", ".status.phase", "string", "Where the study is"),
    column("Round", ".status.round", "string", "The round that is running"),
    column("Progress", ".status.progress", "string", "Trials running/done/planned"),
    column("Best", ".status.best.value", "number", "The best objective among the trials trained furthest"),
    column("Saved", ".status.saved", "string", "Steps saved against training every trial to the end"),
    column("GPU-hours", ".status.gpuHours", "string", "GPU-hours over all trials"),
    AGE,
]

TRIAL_COLUMNS = [
    column("Round", ".spec.round", "string", "The round of the study"),
    column("Steps", ".status.steps", "integer", "Steps up to the newest checkpoint"),
    column("Target", ".spec.targetSteps", "integer", "Steps to train up to"),
    column("Best", ".status.best.value", "number", "The best objective so far"),
    column("Phase", ".status.phase", "string", "Where the trial is"),
    AGE,
]


def name_rule(longest: int) -> dict[str, str]:
    """Names of pods and values of labels (at most 63 characters, no dots) are built from the object's name."""
    return cel(
        f"self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{{0,{longest - 2}}}[a-z0-9])?$')",
        f"metadata.name must be at most {longest} characters of a-z, 0-9 and -, since pods and labels are named after"
        " it: shorten it and remove dots",
    )


# A Service's name is a DNS-1035 label, an object's a DNS-1123 one.
SERVED_NAME = cel(
    "!has(self.spec.serve) || self.metadata.name.matches('^[a-z]')",
    "metadata.name must begin with a letter where spec.serve is set, since a Service is named after the study: name the"
    " study with a letter first, or remove serve",
)


def definition(
    *,
    kind: str,
    plural: str,
    short: str,
    description: str,
    models: tuple[type[ApiModel], type[ApiModel]],
    longest_name: int,
    columns: list[dict[str, str]],
    root_rules: tuple[dict[str, str], ...] = (),
    scale: dict[str, str] | None = None,
) -> dict[str, Any]:
    """One CustomResourceDefinition, from the models of its spec and its status."""
    spec, status = (structural(model) for model in models)
    root: Schema = {
        "type": "object",
        "description": description,
        "required": ["spec"],
        **rules(name_rule(longest_name), *root_rules),
        "properties": {
            "apiVersion": {"type": "string", "maxLength": 64, "description": f"{names.API_VERSION}."},
            "kind": {"type": "string", "maxLength": 64, "description": f"{kind}."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": _without_defaults(status),
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}} | ({"scale": scale} if scale else {}),
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": root},
                }
            ],
        },
    }


def definitions() -> tuple[dict[str, Any], ...]:
    """Every CustomResourceDefinition of the project."""
    study = definition(
        kind=names.STUDY_KIND,
        plural="tuningstudies",
        short="study",
        description="TuningStudy tunes a deep-learning training in rounds of growing step budgets.",
        models=(TuningStudySpec, TuningStudyStatus),
        longest_name=40,
        columns=STUDY_COLUMNS,
        root_rules=(SERVED_NAME,),
        scale={"specReplicasPath": ".spec.parallelism", "statusReplicasPath": ".status.trials.running"},
    )
    trial = definition(
        kind=names.TRIAL_KIND,
        plural="trials",
        short="trial",
        description="Trial is one configuration on its way up the ladder, trained from segment to segment.",
        models=(TrialSpec, TrialStatus),
        longest_name=52,
        columns=TRIAL_COLUMNS,
    )
    return study, trial


def _without_defaults(schema: Schema) -> Schema:
    """A status is written by the operator, whole: the API server has nothing to fill in."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    for key in ("items", "additionalProperties"):
        if key in kept:
            kept[key] = _without_defaults(kept[key])
    if "properties" in kept:
        kept["properties"] = {name: _without_defaults(child) for name, child in kept["properties"].items()}
    return kept


def main(directory: Path) -> None:
    """Write one file per definition."""
    directory.mkdir(parents=True, exist_ok=True)
    for crd in definitions():
        plural, group = crd["metadata"]["name"].split(".", 1)
        text = yaml.safe_dump(crd, sort_keys=False, allow_unicode=True, width=118)
        (directory / f"{group}_{plural}.yaml").write_text(HEADER + text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
