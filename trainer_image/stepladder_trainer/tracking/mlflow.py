"""MLflow, by the extra `mlflow`. Into the server of MLFLOW_TRACKING_URI, or a database beside the checkpoints."""

import os
from collections.abc import Sequence
from pathlib import Path

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from stepladder_trainer.tracking.tracker import Point, Run

TAG = "stepladder.trial"
METRICS_OF_A_BATCH = 1000  # the server takes no more at once


class MLflow:
    """See `Tracker`. A trial is one run of the experiment that is called as its study; segments find it by a tag, and
    steps that are trained again after a crash are left out, since they give the same numbers."""

    def __init__(self, run: Run, uri: str) -> None:
        self._client = MlflowClient(uri)
        experiment = self._client.get_experiment_by_name(run.study)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(run.study)
        found = self._client.search_runs([experiment_id], f"tags.`{TAG}` = '{run.name}'", max_results=1)
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, "RUNNING")
            histories = (self._client.get_metric_history(self._id, name) for name in found[0].data.metrics)
            self._last = max((metric.step for history in histories for metric in history), default=0)
        else:
            made = self._client.create_run(experiment_id, run_name=run.name.rpartition("/")[2])
            self._id = made.info.run_id
            self._last = 0
            values = {**run.parameters, "seed": run.seed}
            self._client.log_batch(
                self._id,
                params=[Param(name, str(value)) for name, value in values.items()],
                tags=[RunTag(TAG, run.name)],
            )

    def write(self, points: Sequence[Point]) -> None:
        """Log them in batches."""
        metrics = [
            Metric(name, float(number), int(point.seconds * 1000), point.step)
            for point in points
            if point.step > self._last
            for name, number in point.numbers.items()
        ]
        for start in range(0, len(metrics), METRICS_OF_A_BATCH):
            self._client.log_batch(self._id, metrics=metrics[start : start + METRICS_OF_A_BATCH])

    def close(self) -> None:
        """The segment has ended; another may follow and make it a running one again."""
        self._client.set_terminated(self._id)


def track(run: Run) -> MLflow:
    """The tracker of `run`."""
    database = Path(run.store.path("mlflow.db")) if run.store and run.store.appends else Path("mlflow.db")
    return MLflow(run, os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database.absolute()}")
