"""`stepladder`: the commands. Each imports what it needs when it is called, so that `--help` is quick."""

import json
import math
import os
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from stepladder.cluster.command import operator
from stepladder.rerun.command import rerun
from stepladder.scaling.command import batch_scaling

REFUSED = 2
INTERRUPTED = 130

_FILE = click.Path(path_type=Path, dir_okay=False)


class _Finite(click.FloatRange):
    """A number in a range. Python reads nan and inf as numbers, and click lets nan into any range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not finite.", param, ctx)
        return number


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Tune deep-learning training, on this machine or on a Kubernetes cluster."""


main.add_command(operator)
main.add_command(rerun)
main.add_command(batch_scaling)


@main.command()
@click.argument("study", type=_FILE)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False),
              help="Where the study lives.  [default: ./.stepladder/<study name>]")  # fmt: skip
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="With json the last line on standard output is one JSON object.")  # fmt: skip
def run(study: Path, home: Path | None, output: Literal["text", "json"]) -> None:
    """Run a TuningStudy on this machine; trials are processes.

    Run it again after an interruption and it goes on from the checkpoints. Exits with 0 if the study succeeded, 1 if it
    failed, 2 if the manifest or the home is refused, 130 if it was interrupted.
    """
    try:
        sys.exit(_run(study, home, output))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(file: Path, home: Path | None, output: Literal["text", "json"]) -> int:
    from rich.console import Console

    from stepladder.control.store import Invalid
    from stepladder.local import report
    from stepladder.local import run as local
    from stepladder.local.disk import HomeError
    from stepladder.local.layout import Layout
    from stepladder.local.progress import Progress

    try:
        manifest = local.accepted(_study(file, "run"))
        layout = Layout((home or Path(".stepladder") / manifest["metadata"]["name"]).resolve())
        ending = local.run(manifest, layout, Progress(Console(stderr=output == "json")))
    except (Invalid, HomeError) as error:
        _refuse(f"{file}: {error}")
    if ending.interrupted:
        at_home = f" --home {home}" if home else ""
        click.echo(f"interrupted; nothing is lost. To go on: stepladder run {file}{at_home}", err=True)
        return INTERRUPTED
    if ending.last.refused:
        _refuse(f"{file}: {ending.last.message}")
    if ending.was_finished:
        changed = f"; what {file} has changed since is not run" if ending.changed else ""
        sentence = f"The study is finished{changed}; to run it anew, give another --home or remove {layout.root}."
        click.echo(f"{sentence}\n", err=output == "json")
    if output == "json":
        click.echo(json.dumps(report.summary(ending.last)))
    else:
        click.echo("\n".join(report.lines(ending.last, layout)))
    return 0 if ending.last.verdict else 1


def _study(file: Path, command: str) -> dict[str, Any]:
    """The one TuningStudy of a file. Exits with a sentence if it is anything else."""
    documents = _documents(file)
    if len(documents) != 1:
        _refuse(f"{file}: holds {len(documents)} documents; `stepladder {command}` takes a file with one TuningStudy")
    if documents[0].get("kind") != "TuningStudy":
        _refuse(f"{file}: is a {documents[0].get('kind')}; `stepladder {command}` takes a file with one TuningStudy")
    return documents[0]


def _documents(file: Path) -> tuple[dict[str, Any], ...]:
    from stepladder.control.store import Invalid
    from stepladder.local import manifest

    try:
        return manifest.read(_text(file))
    except Invalid as error:
        _refuse(f"{file}: {error}")


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        _refuse(f"{file}: {error.strerror}")
    except UnicodeDecodeError:
        _refuse(f"{file}: is not a text file")


def _refuse(sentence: str) -> NoReturn:
    click.echo(" ".join(sentence.split()), err=True)
    sys.exit(REFUSED)


@main.command()
@click.argument("files", type=_FILE, nargs=-1, required=True, metavar="FILE...")
def validate(files: tuple[Path, ...]) -> None:
    """Check manifests as an API server with Stepladder's CRDs would, and what only the operator checks."""
    from stepladder.control.store import Invalid
    from stepladder.local.manifest_check import checked

    refused = False
    for file in files:
        documents = _documents(file)
        if not documents:
            refused = True
            click.echo(f"{file}: holds no manifest", err=True)
        for document in documents:
            metadata = document.get("metadata")
            name = f"{document['kind']}/{metadata.get('name', '?') if isinstance(metadata, dict) else '?'}"
            try:
                checked(document)
            except Invalid as error:
                refused = True
                click.echo(f"{file}: {name}: {error}", err=True)
            else:
                click.echo(f"{file}: {name}: valid")
    sys.exit(REFUSED if refused else 0)


@main.command()
@click.argument("study", type=_FILE)
@click.option(
    "--curves", type=_FILE, required=True, help="Recorded learning curves: JSON lines, one configuration each."
)
@click.option(
    "--seeds", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="How many studies to simulate."
)
@click.option("--first-seed", type=click.IntRange(0, 1_000_000_000), default=0, show_default=True,
              help="The first one's spec.seed.")  # fmt: skip
@click.option("--parallelism", type=int, help="In place of spec.parallelism.")
@click.option("--target", type=_Finite(), help="In place of spec.objective.target: each study ends when it is met.")
@click.option("--sampler", help="In place of the rounds' sampler.algorithm.")
@click.option("--pruner", help="In place of the rounds' pruner.algorithm.")
@click.option("--seconds-per-step", type=_Finite(0, min_open=True), default=1.0, show_default=True,
              help="Of curves that do not say how long they took.")  # fmt: skip
@click.option("--pod-start-seconds", type=_Finite(0), default=0.0, show_default=True,
              help="What every start and every continuation of a trial costs before its first step.")  # fmt: skip
@click.option("--failure-rate", type=_Finite(0, 0.9), default=0.0, show_default=True,
              help="Of segments that are interrupted at a random step and go on from there.")  # fmt: skip
@click.option("--gpus", type=click.IntRange(0), help="GPUs of a trial.  [default: those of spec.trainer.template]")
@click.option("--jobs", type=click.IntRange(1), help="Processes to use.  [default: one for each core]")
@click.option("--trace", is_flag=True, help="With json, tell every improvement of each study's best.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="With json standard output is one JSON object.")  # fmt: skip
def simulate(
    study: Path,
    curves: Path,
    seeds: int,
    first_seed: int,
    jobs: int | None,
    output: Literal["text", "json"],
    *,
    trace: bool,
    **options: Any,
) -> None:
    """Run a TuningStudy in virtual time, on learning curves that were recorded before.

    The study runs once for each seed, with the engine and the samplers of a real one; trials are the configurations of
    the table. Exits with 2 if the manifest or the curves are refused.
    """
    from stepladder.control.store import Invalid
    from stepladder.local.manifest_check import checked
    from stepladder.simulation import report
    from stepladder.simulation.command import question
    from stepladder.simulation.curves import Refused
    from stepladder.simulation.overrides import overridden
    from stepladder.simulation.seeds import simulate_all

    replaced = {name: options.pop(name) for name in ("parallelism", "target", "sampler", "pruner")}
    try:
        manifest = checked(overridden(_study(study, "simulate"), **replaced))
        asked, notes = question(manifest, str(curves), _text(curves), trace=trace, **options)
    except Invalid as error:
        _refuse(f"{study}: {error}")
    except Refused as error:
        _refuse(str(error))
    for note in notes:
        click.echo(note, err=True)
    answers = simulate_all(asked, range(first_seed, first_seed + seeds), jobs or os.cpu_count() or 1)
    if output == "json":
        click.echo(json.dumps(report.summary(answers, traced=trace)))
    else:
        click.echo("\n".join(report.lines(answers)))


@main.command()
@click.argument("study", type=_FILE)
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="With json standard output is one JSON object.")  # fmt: skip
def describe(study: Path, output: Literal["text", "json"]) -> None:
    """Explain a TuningStudy before anything is run: its space, its rounds, what they cost, and what is amiss.

    Exits with 2 if the manifest would be refused.
    """
    from stepladder.control.store import Invalid
    from stepladder.local import describe as describing
    from stepladder.local.describe_text import lines
    from stepladder.local.manifest_check import stored

    try:
        told = describing.description(stored(_study(study, "describe")))
    except Invalid as error:
        _refuse(f"{study}: {error}")
    click.echo(json.dumps(told) if output == "json" else "\n".join(lines(told)))
    sys.exit(REFUSED if told["problems"] else 0)


@main.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    click.echo(installed("stepladder"))
