"""Problems of the pod template. A template without GPUs is fine: there are trainings on CPUs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stepladder.api import names
from stepladder.api.study import TuningStudySpec
from stepladder.engine.validation.problem import Problem

_RESERVED = (names.TRIAL_ENV, names.METRICS_PORT_ENV, names.TERMINATION_LOG_ENV)
_REFERENCE = re.compile(r"(?<!\$)\$\(parameters\.([^()]+)\)")  # as Kubernetes expands it; $$( stands for itself


def template_problems(spec: TuningStudySpec) -> Iterator[Problem]:
    """Of what the study's template would do to the trial that is put into it."""
    field, pod = "spec.trainer.template.spec", spec.trainer.template["spec"]
    if pod.get("hostNetwork"):
        yield Problem(
            f"{field}.hostNetwork",
            f"trials on one node would fight over port {spec.trainer.metrics.port} and serve each other's metrics:"
            " remove the field",
        )
    for index, container in enumerate(pod["containers"]):
        if container["name"] == names.TRAINER_CONTAINER:
            yield from _container(container, f"{field}.containers[{index}]", spec)


def _container(container: Mapping[str, Any], field: str, spec: TuningStudySpec) -> Iterator[Problem]:
    known = {parameter.name for parameter in spec.parameters}
    environment = container.get("env", ())
    for place, variable in enumerate(environment):
        name = variable["name"]
        if name in _RESERVED or name.startswith("parameters."):
            yield Problem(
                f"{field}.env[{place}].name", f"{name} is how the trainer is told its trial: remove or rename it"
            )
    texts = [(f"{part}[{i}]", text) for part in ("command", "args") for i, text in enumerate(container.get(part, ()))]
    texts += [(f"env[{i}].value", variable.get("value", "")) for i, variable in enumerate(environment)]
    for where, text in texts:
        for name in _REFERENCE.findall(text):
            if name not in known:
                yield Problem(
                    f"{field}.{where}",
                    f"$(parameters.{name}) is no parameter of this study and would reach the trainer as it stands:"
                    " correct the name, or add the parameter",
                )
