import base64
import csv
import io
import json
import logging
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import torch
from PIL import Image

from stepladder_trainer import tasks
from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.cli import main
from stepladder_trainer.client import Model
from stepladder_trainer.contract import Objective, Scalar, TrialDocument
from stepladder_trainer.exposition import Board
from stepladder_trainer.hyperparameters import read
from stepladder_trainer.outcomes import ConfigurationError
from stepladder_trainer.serving import checkpoint, command, http
from stepladder_trainer.serving import model as serving_model
from stepladder_trainer.serving.http import MOST_BYTES, Desk, serving
from stepladder_trainer.serving.model import Served, loaded
from stepladder_trainer.signals import StopRequest
from stepladder_trainer.tasks import Task
from stepladder_trainer.tasks.pictures import picture_units
from stepladder_trainer.training import Plan, train
from stepladder_trainer.trial import Trial

CPU = torch.device("cpu")
STEPS = 8
WITHOUT_LINGERING = """
import sys
from stepladder_trainer import cli
from stepladder_trainer.serving import command
command.LINGERING_SECONDS = 0
cli.main(sys.argv[1:])
"""


def trained(
    directory: Path, task: str = "digits", parameters: Mapping[str, Scalar] | None = None, **flags: Any
) -> Path:
    """The directory of a trial of a few steps, evaluated every second."""
    document = TrialDocument(
        parameters={"width": 16, **(parameters or {})},
        seed=7,
        target_steps=STEPS,
        horizon_steps=STEPS,
        objective=Objective("validation_error"),
        checkpoint_directory=directory,
        name="vision/digits/digits-0",
    )
    Checkpoints(directory).prepare()
    defaults: dict[str, Scalar] = {"batch_size": 16, "learning_rate": 0.05}
    train(Trial(document, Board(), StopRequest()), Plan(task, read(document.parameters, defaults), 2, **flags))
    return directory


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return trained(tmp_path_factory.mktemp("digits"))


@contextmanager
def model(directory: Path, **moved: Any) -> Iterator[Served]:
    with loaded(checkpoint.find(str(directory)), CPU, **moved) as served:
        yield served


@contextmanager
def port_of(served: Served | None) -> Iterator[int]:
    with serving(Desk(served), 0, "127.0.0.1") as port:
        yield port


def raw_digits() -> list[Any]:
    """The validation images as they were measured, from 0 to 16."""
    task = tasks.load("digits")
    units = task.units.scaled
    assert units is not None
    scale = units.__self__  # type: ignore[attr-defined]  # a method of the units
    raw: list[Any] = scale.raw(task.validation.inputs).round().tolist()  # type: ignore[attr-defined]  # in memory
    return raw


def wrong(predictions: list[Any], task: Task) -> float:
    targets = [task.classes[task.validation[index][1]] for index in range(len(task.validation))]
    return sum(bool(said != target) for said, target in zip(predictions, targets, strict=True)) / len(targets)


def post(port: int, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}/predict", body, headers), timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("averaging", ["none", "polyak"])
def test_what_is_served_makes_the_very_errors_that_training_recorded(tmp_path: Path, averaging: str) -> None:
    """Catches last weights in the place of averaged ones, a model left in training mode, inputs in other units, and the
    newest checkpoint in the place of the best."""
    directory = trained(tmp_path, parameters={"averaging": averaging, "dropout": 0.5, "model": "mlp"})
    with model(directory) as served, port_of(served) as port:
        predictions = Model(f"http://127.0.0.1:{port}").predict(raw_digits())
    lines = [json.loads(line) for line in (directory / "evaluations.jsonl").read_text().splitlines()]
    assert wrong(predictions, served.task) == min(line["validation_error"] for line in lines)
    assert served.found.step == min(lines, key=lambda line: (line["validation_error"], line["step"]))["step"]


def test_probabilities_are_those_of_the_predictions_and_add_up_to_one(digits: Path) -> None:
    with model(digits) as served:
        told = served.predict(raw_digits()[:50])
    assert all(sum(shares) == pytest.approx(1) for shares in told["probabilities"])
    likeliest = [max(range(10), key=shares.__getitem__) for shares in told["probabilities"]]
    assert [told["classes"][place] for place in likeliest] == told["predictions"]


def test_a_checkpoint_may_be_named(digits: Path) -> None:
    found = checkpoint.find(str(digits / "step-00000006.pt"))
    assert (found.step, found.path) == (6, str(digits / "step-00000006.pt"))
    assert found.metrics["validation_error"] == dict(found.content["evaluations"])[6]["validation_error"]


def test_the_next_best_is_served_where_the_best_is_damaged(digits: Path, tmp_path: Path) -> None:
    for file in digits.glob("*.pt"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    best = checkpoint.find(str(tmp_path))
    Path(best.path).write_bytes(b"cut")
    next_best = checkpoint.find(str(tmp_path))
    assert next_best.step != best.step
    with pytest.raises(ConfigurationError, match="is damaged: name another"):
        checkpoint.find(best.path)


def test_no_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no whole checkpoint in"):
        checkpoint.find(str(tmp_path))


def test_a_named_checkpoint_that_is_not_there_is_told_with_those_that_are(digits: Path) -> None:
    """Catches a typing error that is blamed on another process, and tried again for ever."""
    with pytest.raises(ConfigurationError, match=r"no checkpoint of step 99 in .*; of these steps there are: 8, "):
        checkpoint.find(str(digits / "step-00000099.pt"))


def test_nothing_of_the_optimizer_is_found(digits: Path) -> None:
    """Catches a pod that holds Adam's moments for life."""
    assert "optimizer" in Checkpoints(digits).at(STEPS)["parts"]  # type: ignore[index]  # it is there
    for location in (digits, digits / f"step-{STEPS:08d}.pt"):
        assert checkpoint.find(str(location)).content["parts"].keys() == {"model"}


def test_too_little_memory_for_the_weights_is_no_fault_of_the_data(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(torch.nn.Module, "load_state_dict", exhausted)
    with pytest.raises(torch.OutOfMemoryError), model(digits):
        pass


def test_a_checkpoint_of_other_training_code_is_refused(tmp_path: Path) -> None:
    document = TrialDocument(target_steps=1, checkpoint_directory=tmp_path)
    Checkpoints(tmp_path).prepare()
    for _ in Trial(document, Board(), StopRequest()).steps(model=torch.nn.Linear(1, 1)):
        pass
    with pytest.raises(ConfigurationError, match="written by other training code"), model(tmp_path):
        pass


def test_the_kubelet_is_told_to_wait_until_there_is_a_model(digits: Path) -> None:
    """Catches a Service that sends requests to a pod which is still loading."""
    with port_of(None) as port:
        with pytest.raises(HTTPError, match="503") as caught:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10)
        caught.value.close()
        assert post(port, b"{}")[0] == 503
    with (
        model(digits) as served,
        port_of(served) as port,
        urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer,
    ):
        assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b"[]", 'the body must be {"inputs": [...]}'),
        (b'{"inputs": []}', "at least one input"),
        (b'{"inputs": 3}', "at least one input"),
        (b'{"inputs": [' + b"{}," * 4096 + b"{}]}", "up to 4096 inputs, not 4097: send several requests"),
        (b'{"inputs": [[1, 2, 3]]}', "an input has shape [3], and this model reads [1, 8, 8]"),
        (b'{"inputs": [[1], [1, 2]]}', "inputs must be lists of numbers, each of shape [1, 8, 8]"),
        (b'{"inputs": ["a text"]}', "numbers of shape [1, 8, 8], not texts"),
        (b'{"inputs": [{"age": 3}]}', "inputs must be lists of numbers"),
        (b'{"inputs": [null]}', "inputs must be lists of numbers"),
        (json.dumps({"inputs": [[float("nan")] * 64]}).encode(), "not finite"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(digits: Path, body: bytes, sentence: str) -> None:
    with model(digits) as served, port_of(served) as port:
        status, told = post(port, body)
        assert (status, list(told)) == (400, ["error"])
        assert sentence in told["error"]
        assert post(port, json.dumps({"inputs": [[0] * 64]}).encode())[0] == 200, "it goes on answering"


def test_a_body_that_is_too_large_is_refused_with_a_sentence(digits: Path) -> None:
    """Catches an answer that nobody hears, since the client is still sending."""
    sentence = f"a body may have up to {MOST_BYTES} bytes: send fewer inputs at once"
    with model(digits) as served, port_of(served) as port:
        assert post(port, bytes(MOST_BYTES + 1)) == (413, {"error": sentence})
        assert post(port, b"{}", **{"Content-Length": str(100 * MOST_BYTES)}) == (413, {"error": sentence})


@pytest.mark.parametrize("length", ["9" * 5000, "many", "-1"])
def test_a_length_that_is_none_is_refused_with_a_sentence(digits: Path, length: str) -> None:
    """Catches what `int` raises of thousands of digits, told as a failure of the model."""
    with model(digits) as served, port_of(served) as port:
        status, told = post(port, b"{}", **{"Content-Length": length})
    assert (status, told["error"]) == (400, "Content-Length must be the number of the body's bytes")


def test_clients_that_send_nothing_keep_nobody_waiting(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "STALLED_SECONDS", 60)
    with model(digits) as served, port_of(served) as port, ExitStack() as idle:
        for _ in range(http.AT_ONCE):
            client = idle.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"POST /predict HTTP/1.0\r\nContent-Length: 9\r\n\r\n")
        assert post(port, json.dumps({"inputs": [[0] * 64]}).encode())[0] == 200


def test_a_body_has_its_time_however_often_a_little_of_it_comes(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0)
    with model(digits) as served, port_of(served) as port:
        assert post(port, b"{}") == (408, {"error": "the body did not come in in time"})


def test_a_request_that_finds_no_place_is_told_to_come_again(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "AT_ONCE", 0)
    monkeypatch.setattr(http, "BUSY_SECONDS", 0)
    with model(digits) as served, port_of(served) as port, pytest.raises(HTTPError, match="503") as caught:
        urlopen(Request(f"http://127.0.0.1:{port}/predict", b"{}"), timeout=10)
    with caught.value as refused:
        assert refused.headers["Retry-After"] == "5"


def test_a_client_that_hangs_up_is_no_failure_of_the_model(digits: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Catches a traceback for everybody who closes a page."""
    with model(digits) as served, port_of(served) as port:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"POST /predict HTTP/1.0\r\nContent-Length: 9\r\n\r\n{")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets it
        client.close()
        assert post(port, b"{}")[0] == 400, "by now the other is in hand; leaving waits for it"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_request_under_way_is_answered_before_the_server_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, closed = threading.Event(), threading.Event()
    close = http._Server.server_close  # noqa: SLF001
    answered, told = [], []

    class Slow:
        def predict(self, _: object) -> dict[str, Any]:
            begun.set()
            assert closed.wait(10)
            answered.append(True)
            return {"predictions": [1]}

    def closing(server: http._Server) -> None:
        close(server)
        closed.set()

    monkeypatch.setattr(http._Server, "server_close", closing)  # noqa: SLF001
    with serving(Desk(cast("Served", Slow())), 0, "127.0.0.1") as port:
        client = threading.Thread(target=lambda: told.append(post(port, b'{"inputs": [1]}')))
        client.start()
        assert begun.wait(10)
    assert answered, "leaving waits for it"
    client.join()
    assert told == [(200, {"predictions": [1]})]


def test_a_model_that_fails_is_no_secret_and_does_not_end_the_server(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model(digits) as served, port_of(served) as port:
        with monkeypatch.context() as broken:
            broken.setattr(http, "_predicted", lambda *_: 1 / 0)
            status, told = post(port, b"{}")
        assert (status, told["error"]) == (500, "the model failed on these inputs: its log says why")
        assert post(port, json.dumps({"inputs": [[0] * 64]}).encode())[0] == 200


def test_numbers_that_no_float_holds_are_answered_with_null(digits: Path) -> None:
    """Catches an answer that is no JSON."""
    with model(digits) as served:
        assert served.predict([[1e308] * 64])["predictions"] == [None]


def test_the_client_raises_the_servers_sentence(digits: Path) -> None:
    with model(digits) as served, port_of(served) as port, pytest.raises(ValueError, match=r"has shape \[2\]"):
        Model(f"http://127.0.0.1:{port}").predict([torch.zeros(2)])


def test_the_client_needs_no_pytorch() -> None:
    code = "import sys, stepladder_trainer.client; assert not {'torch', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_says_what_it_serves_and_nothing_in_it_is_run(digits: Path) -> None:
    """Catches a name out of a checkpoint that would be a script in somebody's browser."""
    with model(digits) as served:
        served.found.content["identity"]["parameters"]["<script>"] = "<b>"
        with port_of(served) as port, urlopen(f"http://127.0.0.1:{port}/?q", timeout=10) as answer:
            text = answer.read().decode()
    for shown in ("vision/digits/digits-0", "validation_error", "step-0000000", "<td>mlp</td>", "&lt;script&gt;"):
        assert shown in text
    assert text.count("<script>") == 1
    assert "http" not in text


def test_another_page_is_not_found(digits: Path) -> None:
    with model(digits) as served, port_of(served) as port, pytest.raises(HTTPError, match="404") as caught:
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
    caught.value.close()


def test_a_regression_answers_in_the_units_of_its_targets(tmp_path: Path) -> None:
    """Catches answers in deviations where people ask for a disease's progression from 25 to 346."""
    with model(trained(tmp_path, "diabetes")) as served:
        example = served.task.units.example
        (answer,) = served.predict([example])["predictions"]
        with torch.inference_mode():
            scaled = served.module(served.task.validation[0][0][None])
        raw = served.task.units.raw
    assert raw is not None
    assert answer == raw(scaled)[0].tolist()
    assert 25 < answer[0] < 346


def test_rows_of_a_table_are_asked_by_their_columns(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = [
        {"size": round(float(torch.randn((), generator=generator)), 3), "colour": ("red", "green")[place % 2]}
        for place in range(80)
    ]
    data = tmp_path / "fruit.csv"
    with data.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["size", "colour", "kind"])
        writer.writeheader()
        writer.writerows({**row, "kind": "apple" if row["colour"] == "red" else "pear"} for row in rows)
    directory = trained(tmp_path / "trial", "table", data=str(data), options={"target": "kind"})
    moved = data.rename(tmp_path / "moved.csv")
    with model(directory, data=str(moved)) as served:
        error = wrong(
            served.predict([_row(moved, served.task, index) for index in range(len(served.task.validation))])[
                "predictions"
            ],
            served.task,
        )
        assert error == served.found.metrics["validation_error"]
        assert served.predict([{}])["predictions"][0] in ("apple", "pear")
        with pytest.raises(ValueError, match="input 1 has 'weight', and there are size, colour"):
            served.predict([{"weight": 1}])
        with pytest.raises(ValueError, match=r"inputs, line 2: size is 'big', where training rows have numbers"):
            served.predict([{"size": 1}, {"size": "big"}])
        with pytest.raises(ValueError, match="an object with the names of columns"):
            served.predict([[1, 0]])


def _row(path: Path, task: Task, index: int) -> dict[str, Any]:
    """The row of the file that is this example of validation, found by what the encoding makes of it."""
    records = task.units.records
    assert records is not None
    with path.open(newline="") as file:
        rows = [{key: row[key] for key in ("size", "colour")} for row in csv.DictReader(file)]
    return next(row for row in rows if torch.equal(records([row])[0], task.validation[index][0]))


def test_images_are_asked_as_files(tmp_path: Path) -> None:
    """Catches pixels that are cut, scaled or normalised in another way than in training."""
    for label, value in (("dark", 40), ("light", 200)):
        (tmp_path / "images" / label).mkdir(parents=True)
        for place in range(20):
            Image.new("RGB", (20, 12), (value + place, value, value)).save(tmp_path / "images" / label / f"{place}.png")
    directory = trained(
        tmp_path / "trial", "image_folder", {"model": "mlp"}, data=str(tmp_path / "images"), options={"size": 8},
        loader_workers=0,
    )  # fmt: skip
    with model(directory) as served:
        names = served.task.validation.names  # type: ignore[attr-defined]  # which data sets may have
        files = [base64.b64encode(Path(name).read_bytes()).decode() for name in names]
        predictions = served.predict([f"data:image/png;base64,{file}" for file in files])["predictions"]
        assert wrong(predictions, served.task) == served.found.metrics["validation_error"]
        pixels = served.task.validation[0][0].tolist()
        assert served.predict([pixels]) == served.predict(files[:1])
        with pytest.raises(ValueError, match="no image file in base64"):
            served.predict([base64.b64encode(b"no image").decode()])
        with pytest.raises(ValueError, match="whole numbers from 0 to 255"):
            served.predict([[256] * 192])


def test_an_image_of_many_pixels_is_refused_before_it_is_decoded() -> None:
    """Catches some KB that are a GB in memory; all but the head of the file is cut off, so that decoding would fail."""
    with pytest.raises(ValueError, match=f"4097 x 4096 pixels, and up to {2**24} are decoded: make it smaller"):
        written(encoded(Image.new("1", (4097, 4096)), "PNG")[:64])
    assert written(encoded(Image.new("RGB", (9, 7)), "PNG")).shape == (3, 8, 8)


def test_formats_that_nobody_sends_are_not_tried() -> None:
    """Catches Pillow's rarer decoders, which strangers should not reach."""
    with pytest.raises(ValueError, match="no image file in base64"):
        written(encoded(Image.new("RGB", (9, 7)), "PCX"))


def encoded(image: Image.Image, kind: str) -> str:
    file = io.BytesIO()
    image.save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def written(text: str) -> torch.Tensor:
    read = picture_units(8, 3).written
    assert read is not None
    return read(text)


def test_a_passage_is_continued(tmp_path: Path) -> None:
    data = tmp_path / "text.txt"
    data.write_text("abcd" * 400)
    directory = trained(
        tmp_path / "trial",
        "text",
        {"model": "transformer", "layers": 1, "heads": 2},
        data=str(data),
        options={"context": 8},
    )
    with model(directory) as served:
        assert served.predict(["abcd", "ab", "cdab"])["predictions"] == [
            *served.predict(["abcd"])["predictions"],
            *served.predict(["ab"])["predictions"],
            *served.predict(["cdab"])["predictions"],
        ], "passages of several lengths are answered in their order"
        window, following = served.task.validation[0]
        with torch.inference_mode():
            said = int(served.module(window[None])[0, -1].argmax())
        assert served.predict([window.tolist()])["predictions"] == [served.task.units.tokens[said]]
        assert following.shape == window.shape
        with pytest.raises(ValueError, match="'x' is not in the text"):
            served.predict(["abx"])
        with pytest.raises(ValueError, match="must not be empty"):
            served.predict([""])
        with pytest.raises(ValueError, match="whole numbers from 0 to 3"):
            served.predict([[4] * 8])


def test_wrong_flags_end_with_the_code_of_a_configuration_error(caplog: pytest.LogCaptureFixture) -> None:
    for arguments, sentence in (
        (["serve"], "required: --checkpoint"),
        (["serve", "--checkpoint=nowhere", "--threads=0"], "--threads must be at least 1"),
        (["serve", "--checkpoint=nowhere", "--threads=1025"], "and at most 1024, not 1025"),
        (["serve", "--checkpoint=nowhere", "--port=99999"], "choose another --port"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 78
        assert sentence in caplog.text


def test_too_little_memory_ends_with_its_code(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a traceback and the code of a defect of ours."""

    def exhausted(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr(checkpoint, "find", exhausted)
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--checkpoint=large", "--port=0", "--host=127.0.0.1"])
    assert ended.value.code == 71
    assert "out of host memory" in caplog.text


def test_the_model_stays_until_the_last_request_is_answered(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches the weights of training, which come back on leaving, in the answers to requests under way."""
    order = []
    load, listen = serving_model.loaded, http.serving

    @contextmanager
    def loading(*arguments: Any, **options: Any) -> Iterator[Served]:
        with load(*arguments, **options) as served:
            yield served
            assert not served.found.content["parts"], "weights that the model has are in memory once"
        order.append("model left")

    @contextmanager
    def listening(*arguments: Any) -> Iterator[int]:
        with listen(*arguments) as port:
            yield port
            order.append(f"told to stop: {stop.told}")
        order.append("all answered")

    class Stop(threading.Event):
        told = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.told += 1
            assert timeout == (None if self.told == 1 else command.LINGERING_SECONDS)
            return True

    stop = Stop()
    monkeypatch.setattr(serving_model, "loaded", loading)
    monkeypatch.setattr(http, "serving", listening)
    command._serve(  # noqa: SLF001
        command.parser().parse_args([f"--checkpoint={digits}", "--port=0", "--host=127.0.0.1", "--device=cpu"]), stop
    )
    assert order == ["told to stop: 2", "all answered", "model left"]


@pytest.mark.long
def test_the_command_serves_until_it_is_told_to_stop(digits: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_LINGERING, "serve", f"--checkpoint={digits}", "--port=0", "--host=127.0.0.1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as log:
        line = next(text for text in log if "serving" in text)
        port = int(line.rpartition(" ")[2])
        assert len(Model(f"http://127.0.0.1:{port}").predict(raw_digits()[:3])) == 3
        process.terminate()
        assert process.wait(timeout=60) == 0
