"""What trained a trial: what the trainer says, and what only the cluster and the trial know."""

import pytest

from control.samples import ended, pod, pod_view, situation, trial_spec
from stepladder.api.trial import EndReason, TrialStatus
from stepladder.control.pod_group import Stage
from stepladder.control.segment_end import SegmentEnd, segment_end
from stepladder.control.segments import decide

DIGEST = "ghcr.io/stepladder/trainer@sha256:" + "a" * 64
SAID = {"step": 30, "value": 0.5, "provenance": {"torch": "2.9", "gpu": "H100"}}


def end_of(message: object, code: int = 0, **container: str) -> SegmentEnd:
    status = ended(code, message)
    status["containerStatuses"][0] |= container
    found = segment_end(pod(status=status))
    assert found is not None
    return found


def recorded(end: SegmentEnd, status: TrialStatus | None = None, attempt: int = 1) -> TrialStatus:
    view = pod_view(attempt, Stage.ENDED, end=end)
    return decide(situation(view, spec=trial_spec(seed=12345), status=status)).status


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        (DIGEST, DIGEST),  # containerd, CRI-O
        (f"docker-pullable://{DIGEST}", DIGEST),
        ("sha256:" + "b" * 64, None),  # built on the node: no registry has it, so it cannot be pulled by this
        ("docker://sha256:" + "b" * 64, None),
        ("", None),
        ("x" * 5000 + DIGEST, None),
    ],
)
def test_the_digest_is_one_that_can_be_pulled(image_id: str, digest: str | None) -> None:
    """A rerun puts it into a pod: the digest of a node's own image would never start."""
    found = recorded(end_of(SAID, image="ghcr.io/stepladder/trainer:1", imageID=image_id)).provenance
    assert found.pop("imageDigest", None) == digest
    assert found == {"torch": "2.9", "gpu": "H100", "image": "ghcr.io/stepladder/trainer:1", "seed": "12345"}


def test_a_trainer_that_says_nothing_has_at_least_its_image() -> None:
    assert recorded(end_of("", imageID=DIGEST)).provenance == {"imageDigest": DIGEST, "seed": "12345"}


def test_the_newest_attempt_that_said_something_counts_as_a_whole() -> None:
    """Catches versions of one attempt beside the digest of another, which never were together."""
    first = recorded(end_of(SAID, imageID=DIGEST))
    killed = recorded(end_of("", 137, imageID="other@sha256:1"), first, attempt=2)
    assert killed.provenance == first.provenance
    gone = recorded(SegmentEnd(EndReason.DISRUPTED, message="its node is gone"), killed, attempt=3)
    assert gone.provenance == first.provenance
    later = recorded(end_of({**SAID, "provenance": {"torch": "3.0"}}, imageID="other@sha256:1"), gone, attempt=4)
    assert later.provenance == {"torch": "3.0", "imageDigest": "other@sha256:1", "seed": "12345"}


def test_however_much_an_image_says_it_fits() -> None:
    """A status that the API server refuses keeps the trial from ever ending."""
    loud = {f"{'k' * 200}{i}": "v" * 2000 for i in range(60)} | {f"short-{i}": 1 for i in range(60)}
    found = recorded(end_of({**SAID, "provenance": loud}, image="i", imageID=DIGEST)).provenance
    assert len(found) <= 32
    assert max(map(len, found)) <= 64
    assert max(map(len, found.values())) <= 1024
    assert found["imageDigest"] == DIGEST
