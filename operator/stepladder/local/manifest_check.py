"""What would be refused, at apply or by the operator: for `stepladder validate`, and before a run begins."""

from stepladder.control.store import STUDIES, TRIALS, Invalid, Object
from stepladder.engine.validation import examine
from stepladder.local import validation
from stepladder.local.admission import admit


def checked(manifest: Object) -> Object:
    """The object as it would be stored, if it could be run too. Raises Invalid."""
    admitted = stored(manifest)
    if admitted["kind"] == STUDIES.kind:
        _, found = examine(admitted["spec"])
        if found:
            raise Invalid("; ".join(map(str, found)))
    return admitted


def stored(manifest: Object) -> Object:
    """The object as an API server would store it; without a namespace it goes to `default`. Raises Invalid."""
    resource = next((r for r in (STUDIES, TRIALS) if r.kind == manifest.get("kind")), None)
    if resource is None:
        raise Invalid(f"the kinds of Stepladder are TuningStudy and Trial; this is a {manifest.get('kind')}")
    metadata = manifest.get("metadata")
    named = {**manifest, "metadata": {"namespace": "default", **(metadata if isinstance(metadata, dict) else {})}}
    validation.check_new(resource, named)
    return admit(resource, named, None)
