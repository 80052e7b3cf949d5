import socket
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from stepladder_trainer.exposition import KEPT_EVALUATIONS, Board, serve
from stepladder_trainer.history import History


def scrape(port: int | None, page: str) -> dict[tuple[str, str], float]:
    """(name, step label or "") -> value, through the parser that Prometheus' client brings."""
    with urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        text = answer.read().decode()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # prometheus_client's own lack
    return {(item.name, item.labels.get("step", "")): item.value for family in families for item in family.samples}


def test_metrics_show_the_running_step_and_the_last_value_of_each_metric() -> None:
    history = History.of([(10, {"validation_error": 0.5, "slow_metric": 1.0}), (20, {"validation_error": 0.25})])
    with serve(Board({"step": 25, "training_loss": 0.1}, history), 0) as port:
        assert scrape(port, "/metrics") == {
            ("stepladder_step", ""): 25,
            ("stepladder_training_loss", ""): 0.1,
            ("validation_error", ""): 0.25,
            ("slow_metric", ""): 1.0,
        }


def test_evaluations_carry_their_step_and_the_newest_are_kept() -> None:
    history = History.of([(step, {"validation_error": 1 / step}) for step in range(1, KEPT_EVALUATIONS + 6)])
    with serve(Board(history=history), 0) as port:
        shown = scrape(port, "/evaluations")
    assert len(shown) == KEPT_EVALUATIONS
    assert shown["validation_error", "205"] == 1 / 205
    assert ("validation_error", "5") not in shown


def test_a_scrape_sees_what_was_written_after_the_server_began() -> None:
    board = Board()
    with serve(board, 0) as port:
        assert scrape(port, "/evaluations") == {}
        board.history = History.of([(30, {"validation_error": 0.5})])
        assert scrape(port, "/evaluations") == {("validation_error", "30"): 0.5}


def test_another_page_is_not_found() -> None:
    with serve(Board(), 0) as port, pytest.raises(HTTPError, match="404") as caught:
        urlopen(f"http://127.0.0.1:{port}/secrets", timeout=10)
    caught.value.close()


def test_a_taken_port_does_not_stop_training(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve(Board(), port) as served:
            assert served is None
    assert str(port) in caplog.text
