"""The pod that trains, where its checkpoints live and where it tells its metrics."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from stepladder.api.model import ApiModel
from stepladder.api.pod_template import POD_TEMPLATE

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


class Trainer(ApiModel):
    """The pod that trains."""

    template: dict[str, Any] = Field(
        description="A PodTemplateSpec. The container named trainer is given the trial.",
        json_schema_extra=POD_TEMPLATE,
    )
    nodes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Pods that train one trial together, each from the template and with the GPUs that it asks for.",
    )
    checkpoints: Checkpoints = Checkpoints()
    metrics: Metrics = Metrics()
    pod_retention: PodRetention = PodRetention.FAILED
