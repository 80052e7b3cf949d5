"""RFC 7386 and RFC 6902 by their own examples, and what the API server makes of patches that do not fit."""

from typing import Any

import pytest

from stepladder.control.store import Conflict, Invalid
from stepladder.local.patches import apply, json_patch, merge_patch


# The table of RFC 7386, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_is_rfc_7386(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


@pytest.mark.parametrize(
    ("target", "operation", "patched"),
    [
        ({"a": 1}, {"op": "add", "path": "/b", "value": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"op": "add", "path": "/a", "value": 2}, {"a": 2}),
        ({"a": [1, 3]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2, 3]}),
        ({"a": [1]}, {"op": "add", "path": "/a/1", "value": 2}, {"a": [1, 2]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": [1, 2]}, {"op": "replace", "path": "/a/0", "value": 9}, {"a": [9, 2]}),
        ({"a": [1, 2]}, {"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"a": {"b/c~d": 1}}, {"op": "remove", "path": "/a/b~1c~0d"}, {"a": {}}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1}, {"a": 1}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {"b": 2}}, {"b": 2}),
    ],
)
def test_json_patch_is_rfc_6902(target: Any, operation: Any, patched: Any) -> None:
    assert json_patch(target, [operation]) == patched


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "test", "path": "/flag", "value": 1},  # True == 1 in Python, not in JSON
        {"op": "test", "path": "/missing", "value": 1},
        {"op": "replace", "path": "/missing", "value": 1},
        {"op": "remove", "path": "/missing"},
        {"op": "add", "path": "/missing/deeper", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "replace", "path": "/list/2", "value": 1},
        {"op": "remove", "path": "/list/-"},
        {"op": "add", "path": "/list/01x", "value": 1},
        {"op": "add", "path": "/a/b", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_fit_is_a_conflict(operation: Any) -> None:
    with pytest.raises(Conflict):
        json_patch({"a": 1, "flag": True, "list": [1, 2]}, [operation])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "frobnicate", "path": "/a", "value": 1},
        {"op": "add", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
    ],
)
def test_a_malformed_json_patch_is_invalid(operation: Any) -> None:
    with pytest.raises(Invalid):
        json_patch({"a": 1}, [operation])


@pytest.mark.parametrize("patch", [{"a": {"b": 2}, "c": [1]}, [{"op": "add", "path": "/a/b", "value": [1]}]])
def test_a_patch_changes_neither_its_target_nor_shares_with_it(patch: Any) -> None:
    """Stored objects are shared between readers inside the store."""
    target = {"a": {"b": 1}}
    patched = apply(target, patch)
    patched["a"]["x"] = 1
    assert target == {"a": {"b": 1}}


def test_a_value_that_was_patched_in_is_a_copy() -> None:
    value = {"x": [1]}
    patched = apply({}, [{"op": "add", "path": "/a", "value": value}])
    value["x"].append(2)
    assert patched == {"a": {"x": [1]}}


def test_a_patch_must_leave_an_object() -> None:
    with pytest.raises(Invalid):
        apply({"a": 1}, [{"op": "replace", "path": "", "value": 1}])
