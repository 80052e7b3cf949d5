"""What is committed is what the models say."""

from pathlib import Path

import pytest
import yaml

from stepladder.api.crd import definitions, main
from stepladder.api.reference import reference

REPOSITORY = Path(__file__).parents[3]


def test_crds_are_current(tmp_path: Path) -> None:
    """A forgotten `make generate` would enforce yesterday's rules on the cluster and today's on the laptop."""
    main(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in (REPOSITORY / "crds").iterdir())
    for path in tmp_path.iterdir():
        assert path.read_text() == (REPOSITORY / "crds" / path.name).read_text(), "run `make generate`"


def test_reference_is_current() -> None:
    assert (REPOSITORY / "docs/api.md").read_text() == reference(), "run `make generate`"


@pytest.mark.parametrize("crd", definitions(), ids=lambda crd: crd["metadata"]["name"])
def test_file_survives_yaml(crd: dict[str, object], tmp_path: Path) -> None:
    """A value that YAML reads otherwise than we wrote it (None, 1e9, a colon) would change the schema."""
    main(tmp_path)
    written = [yaml.safe_load(path.read_text()) for path in tmp_path.iterdir()]
    assert crd in written
