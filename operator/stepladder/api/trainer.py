"""The pod that trains, where its checkpoints live and where it tells its metrics."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from stepladder.api.model import ApiModel, cel, rules
from stepladder.api.pod_template import POD_TEMPLATE

# No user information, no query: credentials have no place in a spec.
BUCKET_URL_PATTERN = r"^[a-z][a-z0-9+.-]*://[^\s/@?#]+(/[^\s?#]*)?$"
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
    """Where checkpoints live: a claim or a bucket. Without either they live in the pod, and a lost pod starts again
    from step 0."""

    model_config = ApiModel.model_config | {
        "json_schema_extra": rules(
            cel(
                "!(has(self.url) && has(self.persistentVolumeClaim))",
                "checkpoints are in one place, a claim or a url: drop one of persistentVolumeClaim and url",
            ),
        )
    }

    persistent_volume_claim: ClaimReference | None = None
    url: str | None = Field(
        default=None,
        max_length=512,
        pattern=BUCKET_URL_PATTERN,
        description="A place in a bucket: `s3://bucket/prefix`, `gs://`, `az://`. Credentials are the container's.",
    )
    mount_path: str = Field(
        default="/checkpoints",
        min_length=1,
        max_length=512,
        pattern="^/.*$",
        description="Where a claim's are mounted.",
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
