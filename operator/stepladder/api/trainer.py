"""The pod that trains, where its checkpoints live and where it tells its metrics."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from stepladder.api.model import PRESERVE, ApiModel, cel, list_map, rules

METRIC_PATTERN = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"


class PodRetention(StrEnum):
    """Which pods of ended segments are kept, so that `kubectl logs` still works."""

    FAILED = "Failed"
    ALL = "All"
    NONE = "None"


class ClaimReference(ApiModel):
    """A PersistentVolumeClaim in the study's namespace."""

    claim_name: str = Field(min_length=1, max_length=253, description="The claim's name.")


class Checkpoints(ApiModel):
    """Where checkpoints live. Without a claim they live in the pod and a lost pod starts again from step 0."""

    persistent_volume_claim: ClaimReference | None = None
    mount_path: str = Field(
        default="/checkpoints",
        min_length=1,
        max_length=512,
        pattern="^/.*$",
        description="Where they are mounted.",
    )


class Metrics(ApiModel):
    """Where a foreign image serves its metrics, and what it calls the step."""

    port: int = Field(default=9090, ge=1, le=65535, description="The port of the trainer container.")
    path: str = Field(
        default="/evaluations",
        min_length=1,
        max_length=256,
        pattern="^/.*$",
        description="The path of the evaluations, in OpenMetrics or Prometheus text.",
    )
    step_metric: str = Field(
        default="stepladder_step",
        min_length=1,
        max_length=128,
        pattern=METRIC_PATTERN,
        description="The metric that tells the step, for samples without a step label.",
    )


CONTAINER: dict[str, Any] = {
    "type": "object",
    "description": "A container, as in a Pod.",
    "required": ["name", "image"],
    PRESERVE: True,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 63, "description": "trainer for the one that trains."},
        "image": {"type": "string", "minLength": 1, "maxLength": 1024, "description": "The container's image."},
    },
}

POD_SPEC: dict[str, Any] = {
    "type": "object",
    "description": "A PodSpec.",
    "required": ["containers"],
    PRESERVE: True,
    "properties": {
        "containers": {
            "type": "array",
            "description": "The pod's containers.",
            "minItems": 1,
            "maxItems": 16,
            **list_map("name"),
            "items": CONTAINER,
        },
        "restartPolicy": {"type": "string", "maxLength": 16, "description": "Never, or left out."},
    },
    **rules(
        cel(
            "self.containers.exists_one(c, c.name == 'trainer')",
            "containers has no container named trainer, the one that is given the trial: rename the one that trains",
        ),
        cel(
            "!has(self.restartPolicy) || self.restartPolicy == 'Never'",
            "restartPolicy must be Never, since a restarted container would train unseen: remove the field,"
            " failed trials are retried anyway",
        ),
    ),
}


class Trainer(ApiModel):
    """The pod that trains."""

    template: dict[str, Any] = Field(
        description="A PodTemplateSpec. The container named trainer is given the trial.",
        json_schema_extra={"type": "object", "required": ["spec"], PRESERVE: True, "properties": {"spec": POD_SPEC}},
    )
    checkpoints: Checkpoints = Checkpoints()
    metrics: Metrics = Metrics()
    pod_retention: PodRetention = PodRetention.FAILED
