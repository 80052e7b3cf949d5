"""Reading manifests. The values are those that kubectl 1.35 sends for the same text."""

import pytest

from stepladder.control.store import Invalid
from stepladder.local.manifest import read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-3", -3),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("1.2.3", "1.2.3"),
        ("'1e-5'", "1e-5"),
        ("true", True),
        ("~", None),
        ("None", "None"),
    ],
)
def test_scalar(text: str, value: object) -> None:
    """PyYAML alone makes a string of 1e-5 and a number of 1:30."""
    (manifest,) = read(f"kind: TuningStudy\nvalue: {text}\n")
    assert manifest["value"] == value
    assert type(manifest["value"]) is type(value)


def test_documents() -> None:
    assert [m["kind"] for m in read("---\nkind: A\n---\n---\nkind: B\n")] == ["A", "B"]


def test_key_given_twice() -> None:
    """The second would silently win."""
    with pytest.raises(Invalid, match=r"(?s)key 'trials' is given twice.*line 3"):
        read("kind: A\ntrials: 1\ntrials: 2\n")


@pytest.mark.parametrize("text", ["- 1\n", "just words\n", "spec: {}\n", "a: [1\n", "? [a]\n: 1\n", "? {a: 1}\n: 1\n"])
def test_no_manifest(text: str) -> None:
    with pytest.raises(Invalid, match=r"give it a kind|is not YAML"):
        read(text)
