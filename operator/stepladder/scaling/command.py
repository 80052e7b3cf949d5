"""`stepladder batch-scaling`: the options, and where the study is read."""

import asyncio
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn

import click

if TYPE_CHECKING:
    from stepladder.scaling.trials import Study

REFUSED: Final = 2
_FILE = click.Path(path_type=Path, dir_okay=False)


def _finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not finite.")
    return value


@click.command("batch-scaling")
@click.argument("study")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False),
              help="The home of `stepladder run` that has the study.")  # fmt: skip
@click.option("--target", type=float, callback=_finite,
              help="What to reach.  [default: objective.target, or what every batch size has reached]")  # fmt: skip
@click.option("--picture", type=_FILE, help="Draw it into this SVG file.")
@click.option("--namespace", default="default", show_default=True, help="Of a study on a cluster.")
@click.option("--kubeconfig", type=_FILE, help="The cluster's credentials.  [default: as kubectl has it]")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="With json standard output is one JSON object.")  # fmt: skip
def batch_scaling(
    study: str,
    home: Path | None,
    target: float | None,
    picture: Path | None,
    namespace: str,
    kubeconfig: Path | None,
    output: Literal["text", "json"],
) -> None:
    """Tell what larger batches save: steps to a target for each batch size, and the critical batch size.

    STUDY is the name of a TuningStudy on a cluster, or of one in a --home, or a file: the manifest that `stepladder
    run` was given, or one that holds the study and its trials (kubectl get study/NAME trials -o yaml).

    Exits with 2 if something is refused.
    """
    from stepladder.control.store import StoreError
    from stepladder.engine import batch_scaling as engine
    from stepladder.engine.batch_comparison import objections
    from stepladder.local.disk import HomeError
    from stepladder.scaling import report
    from stepladder.scaling.picture import picture as drawn

    try:
        given = _study(study, home, namespace, kubeconfig)
        found = engine.batch_scaling(given.spec, given.trials, target)
        if picture is not None:
            picture.write_text(drawn(given.name, found))
    except (StoreError, HomeError, engine.NoScaling) as error:
        _refuse(f"{study}: {error}" if isinstance(error, engine.NoScaling) else str(error))
    except OSError as error:
        _refuse(f"{picture}: {error.strerror}")
    mind = tuple(objections(given.spec, found))
    if output == "json":
        click.echo(json.dumps(report.summary(given.name, found, mind)))
    else:
        click.echo("\n".join(report.lines(given.name, found, mind)))


def _study(study: str, home: Path | None, namespace: str, kubeconfig: Path | None) -> "Study":
    from stepladder.scaling import trials

    if study.endswith((".yaml", ".yml", ".json")):
        return trials.in_file(Path(study), home)
    if home is not None:
        return trials.in_home(home, study)
    return asyncio.run(trials.on_cluster(kubeconfig, namespace, study))


def _refuse(sentence: str) -> NoReturn:
    click.echo(" ".join(sentence.split()), err=True)
    sys.exit(REFUSED)
