"""A study's reconciler over a cache that holds its trials, with writes that cost nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from bench.studies import PARAMETERS, Study, manifest
from stepladder.api import names
from stepladder.api.conditions import ConditionType
from stepladder.api.model import Scalar
from stepladder.api.trial import Observation, TrialSpec, TrialStatus
from stepladder.control.cache import Cache, Key
from stepladder.control.ownership import owner_reference
from stepladder.control.specs import Specs
from stepladder.control.store import STUDIES, TRIALS, Object, Resource
from stepladder.control.studies import StudyReconciler
from stepladder.control.suggestions import Suggestions
from stepladder.control.trial_status import condition
from stepladder.engine.observed import TrialView
from stepladder.search.history import History

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = Key(STUDIES, "lab", "study")


class NoRecord:
    """Proposes the same at once: what samplers take is measured elsewhere."""

    def mirror(self, history: History) -> None:
        """Nothing to bring in line."""

    def propose(self, history: History, index: int) -> Mapping[str, Scalar]:
        return {f"p{i}": 0.5 for i in range(PARAMETERS)}

    def forget(self, name: str) -> None:
        """Nothing is remembered."""


class Cluster:
    """A study and its trials in a cache: writes go there, and nothing else reads them."""

    def __init__(self, study: Study, algorithm: str, parallelism: int) -> None:
        self.cache = Cache()
        self._versions = count(1)
        planned = study.spec.rounds[0].trials or 0
        self.study = self._put(
            STUDIES,
            {
                "apiVersion": STUDIES.api_version,
                "kind": STUDIES.kind,
                "metadata": {"name": KEY.name, "namespace": KEY.namespace, "generation": 1},
                "spec": manifest(algorithm, planned, parallelism),
            },
        )
        for trial in study.trials:
            self.put(trial)
        record = Suggestions(NoRecord(), None, lambda _: None)
        self.reconciler = StudyReconciler(self.cache, self, Specs(), record, self, self, self)  # type: ignore[arg-type]  # stands for several ports

    def put(self, view: TrialView) -> None:
        """The Trial of which this is the view."""
        name = view.name
        known = self.cache.get(Key(TRIALS, KEY.namespace, name))
        spec = TrialSpec(
            study=KEY.name,
            number=view.number,
            round=view.round,
            bracket=view.bracket,
            configuration=view.configuration,
            parameters=dict(view.parameters),
            target_steps=view.target_steps,
            horizon_steps=view.horizon_steps,
            desired=view.desired,
            stop_reason=view.stopping,
        )
        status = TrialStatus(
            conditions=tuple(condition(kind, "True", "Told", "", 1, NOW) for kind in ConditionType if "Q" not in kind),
            outcome=view.outcome,
            steps=view.steps,
            best=view.best,
            observations=tuple(Observation(step=step, value=value) for step, value in view.results.items()),
            trained_steps=view.trained_steps,
            gpu_seconds=view.gpu_seconds,
            pod=f"{name}-1" if view.has_pod else None,
        )
        self._put(TRIALS, self._manifest(name, spec.wire(), status.wire(), known))

    def targets(self) -> dict[str, int]:
        """How far each trial may train."""
        trials = self.cache.children(TRIALS, KEY.namespace, KEY.name)
        return {trial["metadata"]["name"]: trial["spec"]["targetSteps"] for trial in trials}

    async def create(self, resource: Resource, item: Object) -> Object:
        return self._put(resource, item)

    async def patch(self, key: Key, patch: Mapping[str, Any], *, base: Object) -> Object:
        return self._put(key.resource, base | {"spec": base["spec"] | patch["spec"]})

    async def replace_status(self, key: Key, status: Mapping[str, Any], *, base: Object) -> Object:
        return self._put(key.resource, base | {"status": dict(status)})

    async def record(self, *_: object) -> None:
        """Events cost nothing here."""

    def observations(self, _: Key) -> tuple[Observation, ...]:
        """Nothing is scraped."""
        return ()

    def now(self) -> datetime:
        return NOW

    def _manifest(self, name: str, spec: Any, status: Any, known: Object | None) -> Object:
        return {
            "apiVersion": TRIALS.api_version,
            "kind": TRIALS.kind,
            "metadata": {
                "name": name,
                "namespace": KEY.namespace,
                "labels": {names.STUDY_LABEL: KEY.name},
                "ownerReferences": [owner_reference(self.study)],
                **({"uid": known["metadata"]["uid"]} if known else {}),
            },
            "spec": spec,
            "status": status,
        }

    def _put(self, resource: Resource, item: Object) -> Object:
        meta = item["metadata"]
        written = item | {"metadata": {"uid": meta["name"], **meta, "resourceVersion": str(next(self._versions))}}
        self.cache.put(resource, written)
        return written
