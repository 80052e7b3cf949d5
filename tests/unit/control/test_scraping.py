"""Metrics: read from any endpoint, believed only where they are numbers, and never at the cost of another trial."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from control import samples, virtual
from stepladder.api import names
from stepladder.api.rounds import MAX_STEPS
from stepladder.api.study import TuningStudySpec
from stepladder.api.trial import TrialSpec
from stepladder.control import scraping
from stepladder.control.cache import Cache, Key
from stepladder.control.pod_builder import Carrier
from stepladder.control.scraping import Scraper, Target, fetch, parse_evaluations, target_of
from stepladder.control.store import PODS, TRIALS, Object

OURS = """# HELP validation_error reported value by step
# TYPE validation_error gauge
validation_error{step="10"} 0.5
validation_error{step="20"} 0.25
# TYPE validation_loss gauge
validation_loss{step="10"} 7.0
# EOF
"""
FOREIGN = """# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 12.47
validation_error 0.125
training_iteration 64
something else entirely {{{
"""


def read(text: str, step_metric: str = "stepladder_step") -> list[tuple[int, float]]:
    return [(o.step, o.value) for o in parse_evaluations(text, "validation_error", step_metric)]


def test_our_own_page() -> None:
    assert read(OURS) == [(10, 0.5), (20, 0.25)]


def test_plain_gauges_of_a_foreign_image() -> None:
    """The rest of its page is none of ours, however it is written."""
    assert read(FOREIGN, "training_iteration") == [(64, 0.125)]


def test_a_gauge_without_a_step_is_nothing() -> None:
    assert read("validation_error 0.5\n") == []
    assert read("stepladder_step 5\n") == []


def test_a_metric_whose_name_only_begins_alike_is_another() -> None:
    assert read('validation_error_top5{step="10"} 0.1\n') == []


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e39"])
def test_a_value_that_is_not_finite_is_none_and_hides_no_other(value: str) -> None:
    assert read(f'validation_error{{step="10"}} {value}\nvalidation_error{{step="20"}} 0.25\n') == [(20, 0.25)]


@pytest.mark.parametrize("step", ["inf", "nan", "1e999", "-1", "ten", "", str(MAX_STEPS + 1)])
def test_a_step_that_is_none_hides_no_other(step: str) -> None:
    """Catches an operator that one trainer's step="inf" ends."""
    assert read(f'validation_error{{step="{step}"}} 0.5\nvalidation_error{{step="20"}} 0.25\n') == [(20, 0.25)]


@pytest.mark.parametrize("step", ["NaN", "+Inf", "-1", "1e300"])
def test_a_step_metric_that_is_none(step: str) -> None:
    assert read(f"validation_error 0.5\nstepladder_step {step}\n") == []


@given(st.text(st.characters(codec="utf-8")), st.sampled_from([OURS, FOREIGN]), st.integers(0, 200))
def test_no_page_whatever_raises_more_than_it_says(noise: str, page: str, place: int) -> None:
    with suppress(ValueError):
        parse_evaluations(page[:place] + noise + page[place:], "validation_error", "training_iteration")


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def in_parts(*parts: bytes) -> Handler:
    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0.01)  # so that they arrive one by one
        await response.write_eof()
        return response

    return send


async def test_a_page_that_comes_in_parts_is_read_to_its_end() -> None:
    """Catches 0.123 read as 0.1 because the network cut the page there."""
    page = in_parts(b'validation_error{step="10"} 0.1', b"23\n", b'validation_error{step="20"} 0.5\n')
    async with server(page) as url:
        assert read(await fetch(url)) == [(10, 0.123), (20, 0.5)]


async def test_a_page_without_end_is_refused() -> None:
    async with server(in_parts(*[b"x" * 100_000] * 20)) as url:
        with pytest.raises(ValueError, match="larger"):
            await fetch(url)


async def test_a_pod_sends_the_operator_nowhere() -> None:
    """Catches a redirect followed to an address that the pod itself cannot reach."""
    reached: list[str] = []

    async def inner(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response(text=OURS)

    async with server(inner) as secret:

        async def outer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": secret})

        async with server(outer) as url:
            assert await fetch(url) == ""
    assert reached == []


async def test_an_error_page_is_an_error() -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text=OURS)

    async with server(broken) as url:
        with pytest.raises(aiohttp.ClientResponseError):
            await fetch(url)


class Endpoints:
    """Pages by URL; one that is missing never answers."""

    def __init__(self, **pages: str) -> None:
        self.pages = pages
        self.asked: list[str] = []

    async def fetch(self, url: str) -> str:
        self.asked.append(url)
        if url not in self.pages:
            await asyncio.sleep(scraping.SCRAPE_TIMEOUT_SECONDS)
            raise TimeoutError
        return self.pages[url]


def key(name: str) -> Key:
    return Key(TRIALS, samples.NAMESPACE, name)


def target(url: str) -> Target:
    return Target(url, "validation_error", "stepladder_step")


async def scraping_for(scraper: Scraper, seconds: float) -> None:
    run = asyncio.create_task(scraper.run())
    await asyncio.sleep(seconds)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


def test_what_is_read_is_told_once() -> None:
    news: list[Key] = []

    async def main() -> None:
        scraper = Scraper(news.append, Endpoints(a=OURS).fetch)
        scraper.watch(key("a"), target("a"))
        await scraping_for(scraper, 60)
        assert [(o.step, o.value) for o in scraper.observations(key("a"))] == [(10, 0.5), (20, 0.25)]

    virtual.run(main())
    assert news == [key("a")]


def test_the_first_value_of_a_step_counts() -> None:
    async def main() -> None:
        endpoints = Endpoints(a='validation_error{step="10"} 0.5\n')
        scraper = Scraper(lambda _: None, endpoints.fetch)
        scraper.watch(key("a"), target("a"))
        await scraping_for(scraper, 6)
        endpoints.pages["a"] = 'validation_error{step="10"} 0.9\nvalidation_error{step="20"} 0.4\n'
        await scraping_for(scraper, 6)
        assert [(o.step, o.value) for o in scraper.observations(key("a"))] == [(10, 0.5), (20, 0.4)]

    virtual.run(main())


def test_an_endpoint_that_never_answers_delays_no_other() -> None:
    async def main() -> None:
        endpoints = Endpoints(good=OURS)
        scraper = Scraper(lambda _: None, endpoints.fetch)
        for number in range(20):
            scraper.watch(key(f"mute{number}"), target(f"mute{number}"))
        scraper.watch(key("good"), target("good"))
        await scraping_for(scraper, 60.5)
        assert endpoints.asked.count("good") == 60 / scraping.SCRAPE_EVERY_SECONDS
        assert endpoints.asked.count("mute0") > 1

    virtual.run(main())


def test_no_endpoint_is_asked_twice_at_once() -> None:
    async def main() -> None:
        asked: list[str] = []

        async def mute(url: str) -> str:
            asked.append(url)
            await asyncio.sleep(3600)
            return ""

        scraper = Scraper(lambda _: None, mute)
        scraper.watch(key("a"), target("a"))
        await scraping_for(scraper, 100)
        assert asked == ["a"]

    virtual.run(main())


@pytest.mark.parametrize("error", [ValueError, IndexError, RecursionError, aiohttp.ClientError, OSError])
def test_whatever_one_endpoint_does_the_others_are_polled_on(error: type[Exception]) -> None:
    async def main() -> None:
        async def one_breaks(url: str) -> str:
            if url == "bad":
                raise error
            return OURS

        scraper = Scraper(lambda _: None, one_breaks)
        scraper.watch(key("bad"), target("bad"))
        scraper.watch(key("good"), target("good"))
        await scraping_for(scraper, 12)
        assert len(scraper.observations(key("good"))) == 2

    virtual.run(main())


def test_a_trial_without_a_pod_is_not_polled_and_one_that_is_over_is_forgotten() -> None:
    async def main() -> None:
        endpoints = Endpoints(a=OURS)
        scraper = Scraper(lambda _: None, endpoints.fetch)
        scraper.watch(key("a"), target("a"))
        await scraping_for(scraper, 6)
        scraper.watch(key("a"), None)
        await scraping_for(scraper, 60)
        assert endpoints.asked == ["a"]
        assert scraper.observations(key("a"))
        scraper.forget(key("a"))
        assert not scraper.observations(key("a"))

    virtual.run(main())


def test_an_answer_that_comes_after_the_pod_is_gone_is_not_believed() -> None:
    """Its address may be another trial's by then."""

    async def main() -> None:
        async def slow(_: str) -> str:
            await asyncio.sleep(2)
            return OURS

        scraper = Scraper(lambda _: None, slow)
        scraper.watch(key("a"), target("a"))
        asyncio.get_running_loop().call_later(scraping.SCRAPE_EVERY_SECONDS + 1, scraper.watch, key("a"), None)
        await scraping_for(scraper, 20)
        assert scraper.observations(key("a")) == ()

    virtual.run(main())


def test_an_endless_curve_is_bounded_and_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "STEPS_KEPT", 10)
    news: list[Key] = []

    async def main() -> None:
        page = "".join(f'validation_error{{step="{step}"}} 0.5\n' for step in range(50))
        scraper = Scraper(news.append, Endpoints(a=page).fetch)
        scraper.watch(key("a"), target("a"))
        await scraping_for(scraper, 60)
        assert [o.step for o in scraper.observations(key("a"))] == list(range(40, 50))

    virtual.run(main())
    assert len(news) == 1, "a page that says nothing new is news again and again"


def carrier() -> Carrier:
    spec = TuningStudySpec.model_validate(samples.study()["spec"])
    trial = samples.trial()
    return Carrier(trial, TrialSpec.model_validate(trial["spec"]), spec.objective, spec.trainer)


def where(pod: Object) -> Target | None:
    cache = Cache()
    cache.put(PODS, pod)
    return target_of(cache, key("study-1"), pod["metadata"]["name"], carrier())


@pytest.mark.parametrize(("address", "host"), [("10.0.0.7", "10.0.0.7"), ("fd00::7", "[fd00::7]")])
def test_where_a_pod_serves(address: str, host: str) -> None:
    found = where(samples.pod(status={"phase": "Running", "podIP": address}))
    assert found == Target(f"http://{host}:9090/evaluations", "validation_error", "stepladder_step")


def test_the_laptops_pods_share_an_address() -> None:
    pod = samples.pod(status={"phase": "Running", "podIP": "127.0.0.1"})
    pod["metadata"]["annotations"][names.METRICS_PORT_ANNOTATION] = "41234"
    found = where(pod)
    assert found is not None
    assert found.url.startswith("http://127.0.0.1:41234/")


@pytest.mark.parametrize(
    "status", [{"phase": "Pending"}, {"phase": "Running"}, {"phase": "Failed", "podIP": "10.0.0.7"}]
)
def test_a_pod_that_serves_nothing_yet_or_no_more(status: dict[str, str]) -> None:
    assert where(samples.pod(status=status)) is None
