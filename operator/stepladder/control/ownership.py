"""Owner references: whose child an object is, and with whom the garbage collector deletes it."""

from typing import Any

from stepladder.control.store import Object


def owner_reference(owner: Object) -> dict[str, Any]:
    """A controller reference to `owner`."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owns(owner: Object, item: Object) -> bool:
    """Whether `owner` is the controller of `item`, by UID: names come back, UIDs do not."""
    references = item["metadata"].get("ownerReferences") or []
    return any(r.get("controller") and r["uid"] == owner["metadata"]["uid"] for r in references)
