"""RFC 7386 merge patches and RFC 6902 JSON patches, as pure functions over JSON."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from stepladder.control.store import Conflict, Invalid, Object, Patch
from stepladder.local.objects import copy


def apply(target: Object, patch: Patch) -> Object:
    """`target` with `patch` applied; `target` is left as it is.

    Raises Conflict if a JSON patch does not apply (the API server does not tell a failed `test` from a missing path:
    both are 422), and Invalid if the patch itself is malformed.
    """
    if isinstance(patch, Mapping):
        return cast("Object", merge_patch(target, patch))
    patched = json_patch(target, patch)
    if not isinstance(patched, dict):
        raise Invalid("a patch must leave an object")
    return patched


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: maps merge, null deletes, anything else replaces."""
    if not isinstance(patch, Mapping):
        return copy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(target: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """RFC 6902 with test, add, replace and remove."""
    document = {"": copy(target)}  # one level up, so that the path "" is a member like any other
    for operation in operations:
        kind, path = operation.get("op"), operation.get("path")
        apply_one = _OPERATIONS.get(str(kind))
        if apply_one is None or not isinstance(path, str) or (path and not path.startswith("/")):
            raise Invalid(f"not a JSON patch operation that is supported here: {dict(operation)}")
        if kind != "remove" and "value" not in operation:
            raise Invalid(f"the JSON patch operation needs a value: {dict(operation)}")
        *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
        container: Any = document
        for step in parents:
            container = _member(container, step, path)
        apply_one(container, last, copy(operation.get("value")), path)
    return document[""]


def _test(container: Any, step: str, value: Any, path: str) -> None:
    found = _member(container, step, path)
    if found != value or isinstance(found, bool) != isinstance(value, bool):
        raise Conflict(f"testing path {path}: it is {found!r}, not {value!r}")


def _add(container: Any, step: str, value: Any, path: str) -> None:
    if isinstance(container, list):
        container.insert(len(container) if step == "-" else _index(container, step, path, len(container)), value)
    elif isinstance(container, dict):
        container[step] = value
    else:
        raise Conflict(f"path {path} does not exist")


def _replace(container: Any, step: str, value: Any, path: str) -> None:
    _member(container, step, path)
    container[int(step) if isinstance(container, list) else step] = value


def _remove(container: Any, step: str, _value: Any, path: str) -> None:
    _member(container, step, path)
    del container[int(step) if isinstance(container, list) else step]


_OPERATIONS: dict[str, Callable[[Any, str, Any, str], None]] = {
    "test": _test,
    "add": _add,
    "replace": _replace,
    "remove": _remove,
}


def _member(container: Any, step: str, path: str) -> Any:
    if isinstance(container, dict) and step in container:
        return container[step]
    if isinstance(container, list):
        return container[_index(container, step, path, len(container) - 1)]
    raise Conflict(f"path {path} does not exist")


def _index(container: list[Any], step: str, path: str, highest: int) -> int:
    if not step.isascii() or not step.isdecimal() or int(step) > highest:
        raise Conflict(f"path {path} does not exist: the list has {len(container)} items")
    return int(step)
