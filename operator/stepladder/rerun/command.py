"""`stepladder rerun`: the options, and where the trial is read and run."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

if TYPE_CHECKING:
    from stepladder.control.store import Object
    from stepladder.rerun.manifest import Original

REFUSED: Final = 2
INTERRUPTED: Final = 130
_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class Options:
    """What the command line says. `kubeconfig` and `namespace` are a cluster's."""

    trial: str
    home: Path | None
    study: Path | None
    name: str | None
    namespace: str
    kubeconfig: Path | None
    dry_run: bool

    @property
    def file(self) -> Path | None:
        """The file that holds the trial, if it does not go by its name."""
        looks_like_one = self.trial.endswith((".yaml", ".yml", ".json"))
        return Path(self.trial) if self.home is None and looks_like_one else None


@click.command()
@click.argument("trial")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False),
              help="The home of `stepladder run` that has the trial; it runs again on this machine.")  # fmt: skip
@click.option("--study", type=_FILE, help="The TuningStudy that a trial in a file belongs to.")
@click.option("--name", help="What to call the rerun.  [default: TRIAL-rerun]")
@click.option("--namespace", default="default", show_default=True, help="Of a trial on a cluster.")
@click.option("--kubeconfig", type=_FILE, help="The cluster's credentials.  [default: as kubectl has it]")
@click.option("--dry-run", is_flag=True, help="Print the manifest of the rerun, and run nothing.")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
              help="With json the last line on standard output is one JSON object.")  # fmt: skip
def rerun(output: Literal["text", "json"], **given: object) -> None:
    """Repeat a trial, and tell whether it comes out the same at every evaluation.

    TRIAL is the name of a Trial on a cluster, or of one in a --home, or a file that holds one (kubectl get trial NAME
    -o yaml), which is run on this machine. Parameters, seed, steps and pod template are the trial's, its image is
    pinned to the digest that was recorded.

    Exits with 0 if all is identical, 1 if not, 2 if something is refused, 130 if it was interrupted.
    """
    options = Options(**given)  # type: ignore[arg-type]  # click checks them

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    from stepladder.control.store import StoreError
    from stepladder.local.disk import HomeError

    try:
        sys.exit(_rerun(options, output, say))
    except (StoreError, HomeError) as error:
        click.echo(" ".join(str(error).split()), err=True)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _rerun(options: Options, output: Literal["text", "json"], say: Callable[[str], None]) -> int:
    from stepladder.control.trial_view import over
    from stepladder.rerun import here

    if options.file is None and options.home is None:
        found = asyncio.run(_on_cluster(options, say))
        return 0 if found is None else _told(*found, output)
    if options.home is not None:
        original, reruns = here.in_home(options.home, options.trial), options.home / "reruns"
    else:
        original, reruns = here.in_file(Path(options.trial), options.study), Path(".stepladder")
    if options.dry_run:
        _print(original, options.name)
        return 0
    trial = here.run(original, reruns, options.name, say)
    if not over(trial):
        say("interrupted; nothing is lost: the same command goes on")
        return INTERRUPTED
    return _told(original, trial, output)


async def _on_cluster(options: Options, say: Callable[[str], None]) -> "tuple[Original, Object] | None":
    from stepladder.rerun import on_cluster

    async with on_cluster.connected(options.kubeconfig) as store:
        original = await on_cluster.find(store, options.namespace, options.trial)
        if options.dry_run:
            _print(original, options.name)
            return None
        trial = await on_cluster.applied(store, original, options.name)
        name = trial["metadata"]["name"]
        try:
            return original, await on_cluster.followed(store, trial, say)
        except asyncio.CancelledError:
            at = f" --kubeconfig {options.kubeconfig}" if options.kubeconfig else ""
            at += "" if options.namespace == "default" else f" --namespace {options.namespace}"
            say(f"interrupted; {name} trains on. To compare it: stepladder rerun {original.name} --name {name}{at}")
            raise


def _print(original: "Original", name: str | None) -> None:
    import yaml

    from stepladder.rerun.manifest import again, new_name

    manifest = again(original, name or new_name(original.name, 1))
    click.echo(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=118).rstrip())


def _told(original: "Original", trial: "Object", output: Literal["text", "json"]) -> int:
    from stepladder.api.trial import TrialStatus
    from stepladder.rerun import comparison

    status = TrialStatus.model_validate(trial["status"])
    found = comparison.compare(original.status, status)
    name = trial["metadata"]["name"]
    if output == "json":
        click.echo(json.dumps({"trial": original.name, "rerun": name, **comparison.summary(found)}))
    else:
        click.echo(f"{original.name} and {name}:")
        click.echo("\n".join(f"  {line}" for line in comparison.lines(found, original.objective.metric)))
        if not found.identical and status.attempts and status.attempts[-1].message:
            click.echo(f"  The rerun's last words: {status.attempts[-1].message}")
    return 0 if found.identical else 1
