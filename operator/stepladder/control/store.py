"""The ObjectStore port: all that the reconcilers know of Kubernetes. Objects are raw JSON, as the API server has it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from stepladder.api import names

Object = dict[str, Any]
"""A Kubernetes object as JSON. Whoever reads one from a store may not change it."""


@dataclass(frozen=True)
class Resource:
    """A kind of object and where the API server serves it. `group` is empty for the core API."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version


STUDIES: Final = Resource(names.GROUP, names.VERSION, "tuningstudies", names.STUDY_KIND)
TRIALS: Final = Resource(names.GROUP, names.VERSION, "trials", names.TRIAL_KIND)
PODS: Final = Resource("", "v1", "pods", "Pod")
QUOTAS: Final = Resource("", "v1", "resourcequotas", "ResourceQuota")
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
EVENTS: Final = Resource("", "v1", "events", "Event")
SERVICES: Final = Resource("", "v1", "services", "Service")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")

WATCHED: Final = (STUDIES, TRIALS, PODS, QUOTAS, DEPLOYMENTS, SERVICES)


@dataclass(frozen=True)
class Change:
    """One event of a watch. `DELETED` carries the object's last state."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: Resource
    object: Object


@dataclass(frozen=True)
class Listing:
    """A consistent list, and the resourceVersion at which it holds."""

    items: tuple[Object, ...]
    resource_version: int


class StoreError(Exception):
    """The base of what a store refuses. The message is the API server's own."""


class NotFound(StoreError):
    """404: there is no such object."""


class AlreadyExists(StoreError):
    """409 on create: the name is taken."""


class Conflict(StoreError):
    """409 or 422: the object has changed since the resourceVersion (or UID) that the write was based on."""


class QuotaExceeded(StoreError):
    """403 on create: a ResourceQuota refuses it ("exceeded quota: ...")."""


class Invalid(StoreError):
    """400 or 422: the object breaks its schema or one of its CEL rules."""


class Forbidden(StoreError):
    """403 for another reason: RBAC, pod security, an admission policy."""


class Unavailable(StoreError):
    """Anything that may pass: 5xx, 429, a refused or broken connection, a timeout."""


Patch = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A mapping is an RFC 7386 merge patch, a sequence an RFC 6902 JSON patch."""


class ObjectStore(Protocol):
    """Where objects live. Every method may raise `Unavailable`; none retries by itself."""

    async def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Read the newest state (never a cache). Raises NotFound."""
        ...

    async def list(
        self, resource: Resource, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Listing:
        """Read all objects, of one namespace or of all the store serves, whose labels have these values."""
        ...

    async def create(self, resource: Resource, manifest: Object) -> Object:
        """Create it in `metadata.namespace`. Raises AlreadyExists, QuotaExceeded, Invalid, Forbidden."""
        ...

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        """Change everything but the status. With a resource_version, raises Conflict if it is not the newest."""
        ...

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, patch: Patch, *, resource_version: str | None = None
    ) -> Object:
        """Change the status only. Raises NotFound, Conflict, Invalid."""
        ...

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Begin to delete it (pods end gracefully). Raises NotFound, and Conflict if the UID is another's."""
        ...

    def changes(self) -> AsyncIterator[Change]:
        """Every change of the WATCHED resources from now on. Changes may be lost or come late; lists repair that."""
        ...
