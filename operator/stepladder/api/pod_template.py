"""The schema of a PodTemplateSpec, as far as Stepladder reads it. The rest is the API server's to judge, pod by pod."""

from typing import Any

from stepladder.api.model import ATOMIC, PRESERVE, cel, list_map, rules

Schema = dict[str, Any]


def _text(description: str, longest: int, shortest: int = 0) -> Schema:
    return {"type": "string", "minLength": shortest, "maxLength": longest, "description": description}


def _array(description: str, items: Schema, most: int, extra: Schema = ATOMIC) -> Schema:
    return {"type": "array", "description": description, "maxItems": most, "items": items, **extra}


def _object(description: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    schema = {"type": "object", "description": description, PRESERVE: True, "properties": properties}
    return schema | ({"required": list(required)} if required else {})


_ENVIRONMENT = _array(
    "The container's environment.",
    _object(
        "A variable.",
        {"name": _text("Its name.", 256, 1), "value": _text("Its value; $(parameters.width) is replaced.", 32768)},
        ("name",),
    ),
    256,
)

_MOUNTS = _array(
    "Where volumes are mounted.",
    _object(
        "A mount.",
        {"name": _text("The volume's name.", 63, 1), "mountPath": _text("The directory.", 1024, 1)},
        ("name", "mountPath"),
    ),
    64,
)

_CONTAINER = _object(
    "A container, as in a Pod.",
    {
        "name": _text("trainer for the one that trains.", 63, 1),
        "image": _text("The container's image.", 1024, 1),
        "command": _array("What is run.", _text("A word; $(parameters.width) is replaced.", 32768), 64),
        "args": _array("Its arguments.", _text("A word; $(parameters.width) is replaced.", 32768), 256),
        "env": _ENVIRONMENT,
        "volumeMounts": _MOUNTS,
        "ports": _array("Ports that it serves.", _object("A port.", {}), 64),
        "securityContext": _object("What it may do.", {}),
    },
    ("name", "image"),
)

_POD_SPEC = _object(
    "A PodSpec.",
    {
        "containers": _array("The pod's containers.", _CONTAINER, 16, list_map("name")) | {"minItems": 1},
        "restartPolicy": _text("Never, or left out.", 16),
        "volumes": _array(
            "The pod's volumes.", _object("A volume.", {"name": _text("Its name.", 63, 1)}, ("name",)), 64
        ),
        "securityContext": _object("What its containers may do.", {}),
    },
    ("containers",),
) | rules(
    cel(
        "self.containers.exists_one(c, c.name == 'trainer')",
        "containers has no container named trainer, the one that is given the trial: rename the one that trains",
    ),
    cel(
        "!has(self.restartPolicy) || self.restartPolicy == 'Never'",
        "restartPolicy must be Never, since a restarted container would train unseen: remove the field,"
        " failed trials are retried anyway",
    ),
)


def _texts(description: str, longest: int) -> Schema:
    values = _text("A value.", longest)
    return {"type": "object", "description": description, "maxProperties": 64, "additionalProperties": values}


POD_TEMPLATE = _object(
    "A PodTemplateSpec. The container named trainer is given the trial.",
    {
        "metadata": _object(
            "Labels and annotations of the pods.",
            {"labels": _texts("Labels.", 63), "annotations": _texts("Annotations.", 65536)},
        ),
        "spec": _POD_SPEC,
    },
    ("spec",),
)
