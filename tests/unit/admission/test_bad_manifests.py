"""Every manifest of tests/manifests/bad is refused where its first line says, with the sentence of its second."""

from pathlib import Path

import pytest

from stepladder.api.names import STUDY_KIND
from stepladder.control.store import STUDIES, TRIALS, Invalid, Object
from stepladder.engine.validation import examine, warnings
from stepladder.local.admission import admit
from stepladder.local.manifest import read

REPOSITORY = Path(__file__).parents[3]
BAD = sorted((REPOSITORY / "tests/manifests/bad").glob("*.yaml"))
EXAMPLES = sorted((REPOSITORY / "examples").rglob("*.yaml"))


def admitted(manifest: Object) -> Object:
    return admit(STUDIES if manifest["kind"] == STUDY_KIND else TRIALS, manifest)


def condition(manifest: Object) -> str:
    """The message of the Accepted condition that the study would get; empty if it would run."""
    _, found = examine(manifest["spec"])
    return "; ".join(map(str, found))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_manifest_is_refused_with_its_sentence(path: Path) -> None:
    text = path.read_text()
    stage, expected = (line.split(": ", 1)[1] for line in text.splitlines()[:2])
    (manifest,) = read(text)
    if stage == "apply":
        with pytest.raises(Invalid) as refused:
            admitted(manifest)
        assert expected in str(refused.value)
    else:
        assert stage == "condition"
        assert expected in condition(admitted(manifest))


def test_there_are_enough_bad_manifests() -> None:
    """An empty glob would make every test above vanish."""
    assert len(BAD) >= 24


@pytest.mark.long
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_accepted(path: Path) -> None:
    """A rule that is too strict would refuse what we tell people to apply."""
    for manifest in read(path.read_text()):
        if manifest["kind"] == STUDY_KIND:
            stored = admitted(manifest)
            spec, found = examine(stored["spec"])
            assert found == ()
            assert spec is not None
            assert warnings(spec) == ()
