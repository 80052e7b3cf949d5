"""Reads the metrics that trainers publish (docs/trainer.md), so that a curve is seen while it grows.

Nothing depends on a scrape to be correct for our own trainer, whose last words carry its result; a foreign image
without last words is judged by what was scraped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from stepladder.api import names
from stepladder.api.rounds import MAX_STEPS
from stepladder.api.trial import Observation
from stepladder.control.cache import Cache, Key
from stepladder.control.observing import finite
from stepladder.control.pod_builder import Carrier
from stepladder.control.store import PODS

logger = logging.getLogger(__name__)

SCRAPE_EVERY_SECONDS = 5.0
SCRAPE_TIMEOUT_SECONDS = 3.0
SCRAPES_AT_ONCE = 32
LARGEST_PAGE_BYTES = 1_000_000
STEPS_KEPT = 10_000

Fetch = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Target:
    """One endpoint to read."""

    url: str
    metric: str
    step_metric: str


def target_of(cache: Cache, trial: Key, pod_name: str | None, carrier: Carrier) -> Target | None:
    """Where the trial's running pod serves its metrics; None while there is nothing to read."""
    pod = cache.get(Key(PODS, trial.namespace, pod_name)) if pod_name else None
    address = pod.get("status", {}).get("podIP") if pod else None
    if pod is None or not address or pod["status"].get("phase") != "Running":
        return None
    metrics = carrier.trainer.metrics
    port = (pod["metadata"].get("annotations") or {}).get(names.METRICS_PORT_ANNOTATION, metrics.port)
    host = f"[{address}]" if ":" in address else address
    return Target(f"http://{host}:{port}{metrics.path}", carrier.objective.metric, metrics.step_metric)


def parse_evaluations(text: str, metric: str, step_metric: str) -> tuple[Observation, ...]:
    """Every finite value of `metric`, by step.

    A sample with a `step` label says its own step; one without has the step that `step_metric` shows. Raises
    ValueError where what is said of these two is not in Prometheus' format; all else on the page is not looked at.
    """
    labelled: dict[int, float] = {}
    now: int | None = None
    current: float | None = None
    for family in text_string_to_metric_families(_lines_about(text, metric, step_metric)):
        for sample in family.samples:
            if sample.name == metric and "step" in sample.labels:
                step = _step(sample.labels["step"])
                if step is not None and (value := finite(sample.value)) is not None:
                    labelled[step] = value
            elif sample.name == metric:
                current = finite(sample.value)
            elif sample.name == step_metric:
                now = _step(sample.value)
    if current is not None and now is not None:
        labelled.setdefault(now, current)
    return tuple(Observation(step=s, value=labelled[s]) for s in sorted(labelled))


def _lines_about(text: str, *metrics: str) -> str:
    """The samples of these metrics: parsing a line takes a hundred times as long as looking at how it begins."""
    beginnings = tuple(f"{metric}{follower}" for metric in metrics for follower in "{ \t")
    return "\n".join([*(line for line in text.splitlines() if line.lstrip().startswith(beginnings)), ""])


def _step(value: str | float) -> int | None:
    try:
        step = float(value)
    except ValueError:
        return None
    return int(step) if 0 <= step <= MAX_STEPS else None


async def fetch(url: str) -> str:
    """Read a page. Raises aiohttp.ClientError, TimeoutError, or ValueError where it is larger than any such page is."""
    timeout = aiohttp.ClientTimeout(total=SCRAPE_TIMEOUT_SECONDS)
    # Not where a redirect points to: that would have the operator read, for a pod, what the pod cannot reach.
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(url, allow_redirects=False, raise_for_status=True) as response,
    ):
        page = bytearray()
        async for part in response.content.iter_any():
            page += part
            if len(page) > LARGEST_PAGE_BYTES:
                # Half a page may end in half a number.
                raise ValueError(f"the page is larger than {LARGEST_PAGE_BYTES} bytes")
        return page.decode("utf-8", errors="replace")


class Scraper:
    """Polls every running trial, and keeps what it has read until the trial is forgotten."""

    def __init__(self, on_news: Callable[[Key], None], fetch: Fetch = fetch) -> None:
        self._on_news = on_news
        self._fetch = fetch
        self._targets: dict[Key, Target] = {}
        self._read: dict[Key, dict[int, Observation]] = {}

    def watch(self, trial: Key, target: Target | None) -> None:
        """Poll this endpoint from now on; None ends the polling."""
        if target is None:
            self._targets.pop(trial, None)
        else:
            self._targets[trial] = target

    def forget(self, trial: Key) -> None:
        """Drop a trial that is over, or gone."""
        self._targets.pop(trial, None)
        self._read.pop(trial, None)

    def observations(self, trial: Key) -> tuple[Observation, ...]:
        """All that was read of a trial, by step; the first value of a step counts."""
        return tuple(sorted(self._read.get(trial, {}).values(), key=lambda o: o.step))

    async def run(self) -> None:
        """Poll until cancelled: each endpoint by itself, so that those which do not answer keep no other waiting."""
        limit = asyncio.Semaphore(SCRAPES_AT_ONCE)
        polls: dict[Key, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(SCRAPE_EVERY_SECONDS)
                polls = {trial: poll for trial, poll in polls.items() if not poll.done()}
                for trial, target in self._targets.items():
                    if trial not in polls:
                        polls[trial] = group.create_task(self._poll(trial, target, limit))

    async def _poll(self, trial: Key, target: Target, limit: asyncio.Semaphore) -> None:
        async with limit:
            try:
                found = parse_evaluations(await self._fetch(target.url), target.metric, target.step_metric)
            except Exception as error:  # noqa: BLE001 - whatever a foreign endpoint says, the others are polled on
                # A trainer that is starting, or just ending, refuses; what it has to say it says again at the end.
                logger.debug("no metrics from %s: %s", target.url, error)
                return
        if self._targets.get(trial) != target:
            return  # its pod has ended meanwhile: another may have its address
        known = self._read.setdefault(trial, {})
        oldest = min(known) if len(known) >= STEPS_KEPT else -1
        news = [o for o in found if o.step not in known and o.step > oldest]
        for observation in news:
            known[observation.step] = observation
        for surplus in sorted(known)[:-STEPS_KEPT]:
            del known[surplus]
        if news:
            self._on_news(trial)
