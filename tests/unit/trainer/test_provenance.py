import subprocess
from pathlib import Path

import pytest
import torch

from stepladder_trainer import __version__, provenance


def test_the_digest_of_packages_changes_with_any_version_and_with_nothing_else(tmp_path: Path) -> None:
    site, other = tmp_path / "site", tmp_path / "other"
    for path in (site, other):
        (path / "torch-2.15.0.dist-info").mkdir(parents=True)
        (path / "numpy-2.4.0.dist-info").mkdir()
    before = provenance.packages([str(site), "/nowhere"])
    assert before == provenance.packages([str(other)]), "the place does not matter"
    (site / "notes.txt").touch()
    assert provenance.packages([str(site)]) == before
    (site / "numpy-2.4.0.dist-info").rename(site / "numpy-2.4.1.dist-info")
    assert provenance.packages([str(site)]) != before


def git(*arguments: str, place: Path) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=place, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_revision_is_git_s_own_on_a_branch_packed_or_detached(tmp_path: Path) -> None:
    git("init", "--quiet", place=tmp_path)
    git("commit", "--quiet", "--allow-empty", "--message=first", place=tmp_path)
    expected = git("rev-parse", "HEAD", place=tmp_path)
    below = tmp_path / "code" / "training"
    below.mkdir(parents=True)
    assert provenance.revision(below) == expected
    git("pack-refs", "--all", place=tmp_path)
    assert provenance.revision(below) == expected
    git("checkout", "--quiet", "--detach", place=tmp_path)
    assert provenance.revision(below) == expected


def test_a_place_without_a_repository_has_no_revision(tmp_path: Path) -> None:
    assert provenance.revision(tmp_path) == ""


def test_what_a_trial_is_told_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPLADDER_GIT_REVISION", "abc")
    facts = provenance.provenance()
    assert facts["torch"] == torch.__version__
    assert facts["package"] == f"stepladder-trainer {__version__}"
    assert (facts["gitRevision"], facts["device"]) == ("abc", "cpu")
    assert len(facts["packages"]) == 16
    assert facts["cpu"]
    assert "deterministic" not in facts
    torch.use_deterministic_algorithms(mode=True)
    try:
        assert provenance.provenance()["deterministic"] == "true"
    finally:
        torch.use_deterministic_algorithms(mode=False)
