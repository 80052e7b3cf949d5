"""The Kubernetes API conventions, over every field of the generated CRDs.

Source: kubernetes/community, contributors/devel/sig-architecture/api-conventions.md. The one deliberate departure is
that bounds of hyperparameters are numbers, since people write 1e-5.
"""

import re
from collections.abc import Callable, Iterator

import pytest

from api.schemas import CRDS, every_node, nodes, root, version
from stepladder.api.model import PRESERVE
from stepladder.api.structural import Schema

CAMEL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*")
LOWER_CAMEL_CASE = re.compile(r"[a-z][A-Za-z0-9]*")
TIME_WORDS = re.compile(r"(deadline|timeout|duration|period|interval|delay)", re.IGNORECASE)
BOOLEANS = {
    "spec.suspend",  # as in a Job, hence Kueue and people know it
    "spec.rounds[].probe.baseline.required",  # as `optional` is of a Secret's key: it has to be there, or need not
    "spec.probe.baseline.required",
}
NUMBERS = re.compile(
    r"(min|max|step|target|value|mean|standardDeviation|gpuHours|gpuSeconds"
    r"|initialTemperature|coolingFactor|improvementProbability|reasonableError"
    r"|(min|max)LearningRate|learningRateFactor|learningRates\[\]|factors\[\]|suggestions\{\})$"
)


def kinds() -> list[str]:
    return list(CRDS)


def unbounded_string(path: str, node: Schema) -> bool:
    return node.get("type") == "string" and not {"maxLength", "enum", "format"} & node.keys()


def unbounded_list(path: str, node: Schema) -> bool:
    return node.get("type") == "array" and "maxItems" not in node


def untyped_list(path: str, node: Schema) -> bool:
    return node.get("type") == "array" and node.get("x-kubernetes-list-type") not in ("atomic", "map", "set")


def list_map_without_keys(path: str, node: Schema) -> bool:
    """The API server needs each key to be required (or to have a default), and merges by it."""
    if node.get("x-kubernetes-list-type") != "map":
        return False
    keys = node.get("x-kubernetes-list-map-keys", [])
    return not keys or not set(keys) <= set(node["items"].get("required", []))


def unbounded_map(path: str, node: Schema) -> bool:
    is_map = node.get("type") == "object" and "properties" not in node
    foreign = ".template." in path and PRESERVE in node  # a SecurityContext, a Port: objects of Kubernetes' own
    return is_map and not foreign and "maxProperties" not in node


def enum_not_camel_case(path: str, node: Schema) -> bool:
    return any(not CAMEL_CASE.fullmatch(choice) and choice != "None" for choice in node.get("enum", ()))


def undescribed(path: str, node: Schema) -> bool:
    return not node.get("description", "").strip()


def unexpected_boolean(path: str, node: Schema) -> bool:
    return node.get("type") == "boolean" and path not in BOOLEANS


def unexpected_float(path: str, node: Schema) -> bool:
    return node.get("type") == "number" and not NUMBERS.search(path)


def duration_without_unit(path: str, node: Schema) -> bool:
    """A duration is an integer and says that it counts seconds."""
    name = path.rpartition(".")[2]
    if name.endswith("Seconds") and name != "gpuSeconds":
        return node.get("type") != "integer"
    return bool(TIME_WORDS.search(name)) and node.get("type") in ("integer", "number", "string")


def unlimited_integer_in_spec(path: str, node: Schema) -> bool:
    limited = "minimum" in node and ("maximum" in node or path.count(".") == 1)
    return node.get("type") == "integer" and path.startswith("spec") and not limited


def structural_leftover(path: str, node: Schema) -> bool:
    """What pydantic writes and a structural schema may not hold. Only a field of any type may be null."""
    leftovers = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "const", "title", "readOnly"}
    return bool(leftovers & node.keys()) or ("nullable" in node and PRESERVE not in node)


def typeless(path: str, node: Schema) -> bool:
    return "type" not in node and PRESERVE not in node


def field_not_lower_camel_case(path: str, node: Schema) -> bool:
    return any(not LOWER_CAMEL_CASE.fullmatch(name) for name in node.get("properties", {}))


def invisible_default(path: str, node: Schema) -> bool:
    """The default of an object holds those of its fields: the API server judges it before it fills it."""
    if not isinstance(node.get("default"), dict) or node.get("type") != "object":
        return False
    nested = {name for name, child in node.get("properties", {}).items() if "default" in child}
    return nested != set(node["default"])


@pytest.mark.parametrize(
    "defect",
    [
        unbounded_string,
        unbounded_list,
        untyped_list,
        list_map_without_keys,
        unbounded_map,
        enum_not_camel_case,
        undescribed,
        unexpected_boolean,
        unexpected_float,
        duration_without_unit,
        unlimited_integer_in_spec,
        structural_leftover,
        typeless,
        field_not_lower_camel_case,
        invisible_default,
    ],
    ids=lambda defect: defect.__name__,
)
def test_no_field_has(defect: Callable[[str, Schema], bool]) -> None:
    assert [f"{kind}.{path}" for kind, path, node in every_node() if defect(path, node)] == []


@pytest.mark.parametrize("kind", kinds())
def test_status_is_a_subresource(kind: str) -> None:
    """Without it a status write could change the spec, and a user's apply the status."""
    assert version(kind)["subresources"]["status"] == {}


@pytest.mark.parametrize("kind", kinds())
def test_status_has_no_defaults_and_observes_the_generation(kind: str) -> None:
    status = root(kind)["properties"]["status"]
    assert [path for path, node in nodes(status) if "default" in node] == []
    assert status["properties"]["observedGeneration"]["type"] == "integer"


@pytest.mark.parametrize("kind", kinds())
def test_conditions_are_those_of_kubernetes(kind: str) -> None:
    conditions = root(kind)["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert {"type", "status", "reason", "lastTransitionTime"} <= set(conditions["items"]["required"])
    assert conditions["items"]["properties"]["status"]["enum"] == ["True", "False", "Unknown"]


def test_a_studys_status_does_not_grow_with_its_trials() -> None:
    """10,000 trials in a list would break etcd's limit of 1.5 MiB."""
    status = root("TuningStudy")["properties"]["status"]
    limits = {path: node["maxItems"] for path, node in nodes(status) if "maxItems" in node}
    assert limits == {"conditions": 16, "rounds": 16, "rounds[].verdict.flags": 16}


@pytest.mark.parametrize("kind", kinds())
def test_printer_columns_exist_and_end_with_the_age(kind: str) -> None:
    """A column whose path is misspelt prints nothing, for ever."""
    columns = version(kind)["additionalPrinterColumns"]
    assert columns[-1]["jsonPath"] == ".metadata.creationTimestamp"
    fields = {f".{path}": node.get("type") for path, node in nodes(root(kind))}
    for column in columns[:-1]:
        assert fields[column["jsonPath"]] == column["type"]


def test_names() -> None:
    assert {kind: crd["spec"]["names"]["shortNames"] for kind, crd in CRDS.items()} == {
        "TuningStudy": ["study"],
        "Trial": ["trial"],
    }
    assert all(crd["spec"]["names"]["categories"] == ["tuning"] for crd in CRDS.values())


def test_scaling_a_study_changes_its_parallelism() -> None:
    scale = version("TuningStudy")["subresources"]["scale"]
    fields = {f".{path}": node.get("type") for path, node in nodes(root("TuningStudy"))}
    assert fields[scale["specReplicasPath"]] == fields[scale["statusReplicasPath"]] == "integer"


def all_rules() -> Iterator[tuple[str, dict[str, str], Schema]]:
    for kind, path, node in every_node():
        for rule in node.get("x-kubernetes-validations", ()):
            yield f"{kind}.{path}", rule, node


@pytest.mark.parametrize(
    ("path", "rule", "node"), [pytest.param(*r, id=f"{r[0]}-{i}") for i, r in enumerate(all_rules())]
)
def test_rule_names_a_field_and_says_what_to_do(path: str, rule: dict[str, str], node: Schema) -> None:
    """`<field> <what is wrong>: <what to do>` is all that a person sees."""
    wrong, _, remedy = rule["message"].partition(": ")
    names = {name for p, _ in nodes(node) for name in re.split(r"[.\[\]{}]+", p)} | {
        path.rpartition(".")[2].strip("[]")
    }
    assert names & set(re.findall(r"\w+", wrong)), wrong
    assert re.match(r"[a-z]+ \w+", remedy), "says nothing of what to do"
    assert not rule["message"].endswith("."), "the API server puts it into a longer sentence"
