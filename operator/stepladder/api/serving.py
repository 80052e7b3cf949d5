"""What serves a study's best model when the study has succeeded."""

from pydantic import Field

from stepladder.api.model import ApiModel


class Serve(ApiModel):
    """A Deployment and a Service, named after the study, that serve the best checkpoint of Stepladder's own trainer."""

    replicas: int = Field(default=1, ge=1, le=100, description="Pods that serve; each holds the whole model.")
    port: int = Field(default=8080, ge=1024, le=65535, description="Where the pods and the Service listen.")


class ServingStatus(ApiModel):
    """Where the model is served."""

    trial: str = Field(max_length=253, description="The trial whose model it is.")
    url: str = Field(max_length=512, description="The Service, as pods of the cluster reach it.")
