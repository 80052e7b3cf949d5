"""Two rounds: the second starts from the best of the first, on a schedule of its own, over several seeds."""

import statistics

from e2e.manifests import SMALL_STUDY_STEPS, small_study
from e2e.observe import apply, outcome


def test_the_second_round_repeats_the_best_and_reports_mean_and_spread(operator: str, namespace: str) -> None:
    manifest = small_study("rounds", parallelism=3)
    manifest["spec"]["parameters"].append({"name": "schedule", "role": "Fixed", "value": "constant"})
    manifest["spec"]["rounds"].append(
        {
            "name": "final",
            "from": {"round": "explore", "best": 2},
            "maxSteps": 400,
            "repeats": 3,
            "parameters": [{"name": "schedule", "value": "cosine"}],
        }
    )
    apply(manifest, namespace)
    ended = outcome("rounds", namespace, seconds=400)
    explore = [t for t in ended.trials if t["spec"]["round"] == "explore"]
    final = [t for t in ended.trials if t["spec"]["round"] == "final"]

    assert ended.succeeded
    assert ended.trained_steps == SMALL_STUDY_STEPS + 6 * 400
    top = max(explore, key=lambda t: t["status"]["steps"])["spec"]["parameters"]
    repeats = [t for t in final if t["spec"]["parameters"] == {**top, "schedule": "cosine"}]
    assert len({t["spec"]["seed"] for t in repeats}) == 3
    assert {t["spec"]["parameters"]["schedule"] for t in final} == {"cosine"}
    spread = ended.study["status"]["rounds"][1]["spread"]
    of_best = next(t for t in final if t["metadata"]["name"] == spread["trial"])["spec"]["parameters"]
    values = [t["status"]["observations"][-1]["value"] for t in final if t["spec"]["parameters"] == of_best]
    assert len(values) == spread["repeats"] == 3
    assert abs(spread["mean"] - statistics.fmean(values)) < 1e-9
    assert abs(spread["standardDeviation"] - statistics.stdev(values)) < 1e-9
