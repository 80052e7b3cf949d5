"""Trials on two nodes: two pods that find each other over the cluster's network, and live and die together."""

from typing import Any

from e2e.faults import sigkill
from e2e.manifests import IMAGE, small_study
from e2e.observe import apply, get, live_pods, outcome, wait_until

RANK = "tuning.stepladder.dev/rank"
ADDRESS = "tuning.stepladder.dev/master-address"

# Somebody else's trainer: PyTorch's `env://`, one exchange at every step, words by rank 0 alone.
GLOO = """
import json, os, pathlib, time, torch, torch.distributed as dist
trial = json.loads(os.environ["STEPLADDER_TRIAL"])
place = pathlib.Path(trial["checkpointDirectory"])
place.mkdir(parents=True, exist_ok=True)
dist.init_process_group("gloo", init_method="env://")
first = max([0, *(int(path.stem) for path in place.glob("*.pt"))])
for step in range(first + 1, trial["targetSteps"] + 1):
    together = torch.tensor([1.0, float(trial["number"])])
    dist.all_reduce(together)
    assert together.tolist() == [2, 2 * trial["number"]], together
    time.sleep(trial["parameters"]["pace"])
dist.barrier()
if dist.get_rank() == 0:
    step = trial["targetSteps"]
    (place / f"{step}.pt").touch()
    words = {"fromStep": first, "step": step, "value": 1 / step, "trainedSteps": step - first}
    words["checkpoint"] = str(place / f"{step}.pt")
    pathlib.Path("/dev/termination-log").write_text(json.dumps(words))
dist.destroy_process_group()
"""


def foreign(name: str, *, pace: float, trials: int, **trainer: Any) -> dict[str, Any]:
    manifest = small_study(name)
    spec = manifest["spec"]
    x = {"name": "x", "float": {"min": 0.0, "max": 1.0}}
    spec["parameters"] = [x, {"name": "pace", "role": "Fixed", "value": pace}]
    spec["rounds"] = [{"name": "explore", "trials": trials, "maxSteps": 30}]
    spec["parallelism"] = 2
    spec["trainer"] |= {"nodes": 2, **trainer}
    spec["trainer"]["template"]["spec"]["containers"] = [
        {"name": "trainer", "image": IMAGE, "command": ["python", "-c", GLOO]}
    ]
    return manifest


def test_two_pods_of_each_trial_meet_at_rank_0(operator: str, namespace: str) -> None:
    """Two groups side by side: catches ranks that never meet, and ranks of two trials that do."""
    apply(foreign("pairs", pace=0.0, trials=2, podRetention="All"), namespace)
    ended = outcome("pairs", namespace)
    assert ended.succeeded
    assert [a["reason"] for a in ended.attempts] == ["Completed", "Completed"]
    assert ended.trained_steps == 60
    pods = {pod["metadata"]["name"]: pod for pod in get("pods", namespace=namespace)}
    assert sorted(pods) == ["pairs-0-1", "pairs-0-1-r1", "pairs-1-1", "pairs-1-1-r1"]
    for number in (0, 1):
        leader, other = pods[f"pairs-{number}-1"], pods[f"pairs-{number}-1-r1"]
        assert [p["metadata"]["labels"][RANK] for p in (leader, other)] == ["0", "1"]
        assert other["metadata"]["annotations"][ADDRESS] == leader["status"]["podIP"]


def test_a_rank_that_is_killed_takes_the_other_with_it_and_both_come_again(operator: str, namespace: str) -> None:
    """Catches rank 0 left hanging in its exchange, and a second group beside the first."""
    apply(foreign("pair", pace=0.5, trials=1), namespace)

    def both_run() -> list[dict[str, Any]]:
        pods = get("pods", namespace=namespace, labels=RANK)
        running = [p for p in pods if p["status"].get("phase") == "Running"]
        return running if len(running) == 2 else []

    wait_until("both pods run", both_run, seconds=120)
    sigkill(next(p for p in both_run() if p["metadata"]["labels"][RANK] == "1"))
    ended = outcome("pair", namespace)
    assert ended.succeeded
    first, last = ended.attempts
    assert (first["reason"], last["reason"]) == ("Error", "Completed")
    assert last["toStep"] == 30
    wait_until("no pod holds anything", lambda: not live_pods(namespace), seconds=60)


def test_the_digits_on_two_nodes(operator: str, namespace: str) -> None:
    """Our own trainer: four segments of two pods each, the last resumed from rank 0's checkpoint."""
    pruner = {"algorithm": "SuccessiveHalving", "minSteps": 30, "reductionFactor": 3}
    manifest = small_study("digits", rounds=[{"name": "explore", "trials": 3, "maxSteps": 90, "pruner": pruner}])
    manifest["spec"]["trainer"]["nodes"] = 2
    apply(manifest, namespace)
    ended = outcome("digits", namespace, seconds=900)
    assert ended.succeeded
    assert ended.trained_steps == 3 * 30 + 60
    assert [a["reason"] for a in ended.attempts] == ["Completed"] * 4
