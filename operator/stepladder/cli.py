"""`stepladder`: the commands. Each imports what it needs when it is called, so that `--help` is quick."""

import json
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

import click

from stepladder.cluster.command import operator

REFUSED = 2
INTERRUPTED = 130

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Tune deep-learning training, on this machine or on a Kubernetes cluster."""


main.add_command(operator)


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
        manifest = local.accepted(_study(file))
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


def _study(file: Path) -> dict[str, Any]:
    """The one TuningStudy of a file. Exits with a sentence if it is anything else."""
    documents = _documents(file)
    if len(documents) != 1:
        _refuse(f"{file}: holds {len(documents)} documents; `stepladder run` takes a file with one TuningStudy")
    if documents[0].get("kind") != "TuningStudy":
        _refuse(f"{file}: is a {documents[0].get('kind')}; `stepladder run` takes a file with one TuningStudy")
    return documents[0]


def _documents(file: Path) -> tuple[dict[str, Any], ...]:
    from stepladder.control.store import Invalid
    from stepladder.local import manifest

    try:
        return manifest.read(file.read_text())
    except OSError as error:
        _refuse(f"{file}: {error.strerror}")
    except UnicodeDecodeError:
        _refuse(f"{file}: is not a text file")
    except Invalid as error:
        _refuse(f"{file}: {error}")


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
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    click.echo(installed("stepladder"))
