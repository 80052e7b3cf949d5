"""The trainer as the operator meets it: a process with an environment, signals, a port and an exit code."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from stepladder_trainer.checkpoints import Checkpoints
from stepladder_trainer.cli import main
from trainer.conftest import Home
from trainer.runs import assert_same, state

pytestmark = pytest.mark.long

ENDLESS = {"targetSteps": 10**7, "horizonSteps": 10**7, "evaluationSteps": []}
BOWL = ["--task=quadratic", "--set=learning_rate=0.01", "--evaluate-every=25"]


@contextmanager
def trainer(home: Home, arguments: list[str], **document: object) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, **home.environment(**document)}
    command = [sys.executable, "-m", "stepladder_trainer", *arguments]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    errors = process.communicate(timeout=60)[1]
    return process.returncode, errors


def until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.01)


def resumed_equals_uninterrupted(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finish the trial of `home` 40 steps after its newest checkpoint, and compare with one that was left in peace."""
    stopped_at = max(Checkpoints(home.checkpoints).steps())
    quiet = Home(tmp_path / "quiet")
    quiet.directory.mkdir()
    for place in (home, quiet):
        for name, value in place.environment(**{**ENDLESS, "targetSteps": stopped_at + 40}).items():
            monkeypatch.setenv(name, value)
        main(BOWL)
    assert home.termination()["fromStep"] == stopped_at
    assert quiet.termination()["fromStep"] == 0
    assert_same(state(home.checkpoints), state(quiet.checkpoints))


def test_sigterm_saves_tells_and_resumes_exactly(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trainer(home, BOWL, **ENDLESS) as process:
        until(lambda: bool(list(home.checkpoints.glob("*.pt"))))
        process.send_signal(signal.SIGTERM)
        code, errors = finish(process)
    assert code == 75, errors
    message = home.termination()
    assert message["reason"] == "Interrupted"
    assert message["step"] == message["trainedSteps"] > 0
    assert Path(message["checkpoint"]).name == f"step-{message['step']:08d}.pt"
    resumed_equals_uninterrupted(home, tmp_path, monkeypatch)


def test_sigkill_loses_only_what_was_not_saved(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*BOWL, "--checkpoint-seconds=0.01"]
    with trainer(home, arguments, **ENDLESS) as process:
        until(lambda: bool(list(home.checkpoints.glob("step-*[1-9][0-9][0-9].pt"))))
        process.kill()
        assert finish(process)[0] == -signal.SIGKILL
    assert not (home.directory / "termination").exists()
    resumed_equals_uninterrupted(home, tmp_path, monkeypatch)


def test_metrics_are_served_while_training_and_after_a_restart(home: Home) -> None:
    """Evaluations from before the restart too: the operator may not have scraped them."""
    with trainer(home, BOWL, **{**ENDLESS, "targetSteps": 50}) as process:
        assert finish(process)[0] == 0
    with trainer(home, BOWL, **ENDLESS) as process:
        port = int(served_port(home))
        page = f"http://127.0.0.1:{port}/evaluations"
        until(lambda: 'validation_error{step="75"}' in read(page))
        assert re.search(r'^validation_error\{step="25"\} 0\.\d+$', read(page), re.MULTILINE)
        assert re.search(r"^stepladder_gradient_norm \d", read(f"http://127.0.0.1:{port}/metrics"), re.MULTILINE)


def served_port(home: Home) -> str:
    log = home.checkpoints / "trainer.log"
    pattern = re.compile(r"metrics on port (\d+)")
    until(lambda: len(pattern.findall(log.read_text())) == 2)
    return str(pattern.findall(log.read_text())[-1])


def read(url: str) -> str:
    with urlopen(url, timeout=10) as answer:  # noqa: S310  a page of this machine
        text: str = answer.read().decode()
    return text


@pytest.mark.parametrize(
    ("arguments", "document", "said"),
    [
        (["--task=digit"], {}, "there is no task 'digit': name one of digits"),
        ([], {}, "--task"),
        (["--task=digits", "--modle=cnn"], {}, "--modle"),
        (["--task=breast_cancer", "--model=cnn"], {}, "model cnn cannot learn this task"),
        (["--task=digits", "--set=width"], {}, "NAME=VALUE"),
        (["--task=digits", "--evaluate-every=0"], {}, "--evaluate-every"),
        (["--task=digits", "--keep-best=0"], {}, "--keep-best must be at least 1"),
        (["--task=digits"], {"parameters": {"lr": 0.1}}, "unknown parameter lr"),
        (["--task=digits"], {"parameters": {"warmup_steps": 810}}, "a warmup of 810 steps leaves nothing"),
        (["--task=digits"], {"objective": {"metric": "accuracy", "direction": "Maximize"}}, "does not report accuracy"),
    ],
)
def test_what_is_wrong_is_told_before_pytorch_is_loaded(
    home: Home, arguments: list[str], document: dict[str, object], said: str
) -> None:
    script = (
        "import sys; from stepladder_trainer.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **home.environment(**document)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done.stderr
    assert done.stdout.strip() == "False"
    assert said in home.termination()["message"]


def test_start_up_imports_neither_the_compiler_nor_scikit_learn(home: Home) -> None:
    """Each costs about a second of every segment's start."""
    script = (
        "import sys; from stepladder_trainer.cli import main\n"
        "main(['--task=digits'])\n"
        "heavy = ('torch._dynamo', 'sklearn', 'scipy', 'pandas', 'PIL', 'torchvision')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    environment = {**os.environ, **home.environment(targetSteps=2)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_it_trains_without_an_operator(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "STEPLADDER_TRIAL"}
    done = subprocess.run(
        [sys.executable, "-m", "stepladder_trainer", "--task=digits", "--steps=20"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "step 20 of 20: validation_error" in done.stderr


def test_the_example_of_other_peoples_code_is_a_trial_like_any(home: Home) -> None:
    """It documents the SDK; a change that breaks it breaks its readers."""
    script = Path(__file__).parents[3] / "examples" / "bring_your_own" / "train.py"
    environment = {**os.environ, **home.environment(targetSteps=3, parameters={"width": 8})}
    subprocess.run([sys.executable, script], env=environment, capture_output=True, timeout=120, check=True)
    assert home.termination()["evaluations"][0][0] == 3
    assert Checkpoints(home.checkpoints).steps() == [3]
