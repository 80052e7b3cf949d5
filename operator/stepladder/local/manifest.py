"""Manifests as kubectl reads them, not as PyYAML does: `1e-5` is a number, `2026-01-01` and `1:30` are strings."""

import re
from typing import Any

import yaml

from stepladder.control.store import Invalid, Object


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with kubectl's numbers, without dates, and strict about keys given twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML declares it as it does
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":float", ":int", ":timestamp"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        """A mapping. Raises ConstructorError if a key comes twice, where PyYAML would keep the last."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is given twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_DIGITS = list("-+.0123456789")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"), _DIGITS
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), _DIGITS
)


def read(text: str) -> tuple[Object, ...]:
    """The objects of a YAML or JSON text of one or more documents. Raises Invalid, saying where, if it is neither."""
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document is not None]
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number of thousands of digits
        raise Invalid(f"the manifest is not YAML: {error}") from error
    except RecursionError as error:
        raise Invalid("the manifest is nested too deeply: see whether a bracket is left open") from error
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
            raise Invalid("a manifest is a mapping with apiVersion, kind, metadata and spec: give it a kind")
    return tuple(documents)
