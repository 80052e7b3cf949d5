"""From a pod to the command that runs its trainer as a process of this machine. Pure but for the machine's own facts.

A process has no mounts, so a volume's mount path is replaced by the volume's directory wherever the pod's command or
environment names it: as a whole word, after the `=` of a flag, or as a string of a JSON document such as the trial's.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stepladder.api import names
from stepladder.control.store import Object
from stepladder.local.expansion import expand
from stepladder.local.layout import Layout

ENTRY_POINT: Final = (sys.executable, "-m", "stepladder_trainer")
"""What our trainer's image runs; it is installed beside this program."""
_OUR_IMAGE: Final = re.compile(r"(.*/)?stepladder[-/]trainer([:@].*)?")
_FIELDS: Final = ("metadata.name", "metadata.namespace", "metadata.uid", "status.podIP")
_ENTRY: Final = re.compile(r"metadata\.(annotations|labels)\['([^']+)'\]")
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Command:
    """What to start. `directories` must exist first."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: Path | None
    directories: tuple[Path, ...]


def trainer_container(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The container that trains; the study's schema sees to it that there is one."""
    found: dict[str, Any] = next(c for c in spec["containers"] if c["name"] == names.TRAINER_CONTAINER)
    return found


def problems(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """What a pod spec asks for that a laptop does not have, as sentences that say what to do."""
    container = trainer_container(spec)
    found = []
    if not container.get("command") and not _OUR_IMAGE.fullmatch(container.get("image", "")):
        found.append(
            f"the image {container.get('image')} cannot be run without a cluster: "
            "set command in trainer.template to what it would run"
        )
    if container.get("envFrom"):
        found.append("envFrom needs a cluster: list the variables under env")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom")
        path = ((source or {}).get("fieldRef") or {}).get("fieldPath") or ""
        if source and path not in _FIELDS and not _ENTRY.fullmatch(path):
            found.append(f"env {variable['name']}: valueFrom needs a cluster here: give it a value")
    mounted = {mount["name"] for mount in container.get("volumeMounts") or ()}
    found += [
        f"volume {volume['name']} needs a cluster: use a persistentVolumeClaim, emptyDir or hostPath"
        for volume in spec.get("volumes") or ()
        if volume["name"] in mounted and not {"persistentVolumeClaim", "emptyDir", "hostPath"} & volume.keys()
    ]
    return tuple(found)


def command(
    pod: Object, layout: Layout, port: int, inherited: Mapping[str, str], *, master_port: int | None = None
) -> Command:
    """What runs the pod's trainer, with its metrics on `port`. The pod must have no `problems`.

    `master_port`: where the others of its group meet it, if it is rank 0 of one.
    """
    container = trainer_container(pod["spec"])
    mounts = _mounts(pod, container, layout)
    ours = {
        names.METRICS_PORT_ENV: str(port),
        names.TERMINATION_LOG_ENV: str(layout.termination_log(pod["metadata"]["uid"]).absolute()),
    }
    if master_port is not None:
        ours[names.MASTER_PORT_ENV] = str(master_port)
    declared = _declared(pod, container, ours)

    def localized(text: str) -> str:
        return relocate(expand(text, declared), mounts)

    argv = [localized(word) for word in container.get("command") or ENTRY_POINT]
    argv += [localized(word) for word in container.get("args") or ()]
    directory = container.get("workingDir")
    here = relocate(directory, mounts) if directory else ""
    return Command(
        argv=tuple(argv),
        environment=_inherited(inherited) | {name: relocate(value, mounts) for name, value in declared.items()},
        working_directory=Path(here) if here and Path(here).is_dir() else None,
        directories=tuple(mounts.values()),
    )


def relocate(text: str, mounts: Mapping[str, Path]) -> str:
    """`text` with mount paths replaced by the directories that stand for them (see the module's head)."""
    if text.startswith("{"):
        try:
            return json.dumps(_relocate_strings(json.loads(text), mounts), separators=(",", ":"))
        except ValueError:
            return text
    flag, equals, value = text.partition("=")
    if equals and flag.startswith("-"):
        return f"{flag}={_relocate_path(value, mounts)}"
    return _relocate_path(text, mounts)


def _relocate_strings(value: Any, mounts: Mapping[str, Path]) -> Any:
    if isinstance(value, dict):
        return {name: _relocate_strings(item, mounts) for name, item in value.items()}
    if isinstance(value, list):
        return [_relocate_strings(item, mounts) for item in value]
    return _relocate_path(value, mounts) if isinstance(value, str) else value


def _relocate_path(path: str, mounts: Mapping[str, Path]) -> str:
    for mount, directory in sorted(mounts.items(), key=lambda item: -len(item[0])):
        if path == mount or path.startswith(mount + "/"):
            return f"{directory}{path[len(mount) :]}"
    return path


def _mounts(pod: Object, container: Mapping[str, Any], layout: Layout) -> dict[str, Path]:
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    mounts = {}
    for mount in container.get("volumeMounts") or ():
        volume = volumes[mount["name"]]
        if "persistentVolumeClaim" in volume:
            source = layout.claim(volume["persistentVolumeClaim"]["claimName"])
        elif "hostPath" in volume:
            source = Path(volume["hostPath"]["path"])
        else:
            source = layout.empty_dir(pod["metadata"]["uid"], volume["name"])
        mounts[mount["mountPath"].rstrip("/")] = source.absolute() / mount.get("subPath", "")
    return mounts


def _declared(pod: Object, container: Mapping[str, Any], ours: Mapping[str, str]) -> dict[str, str]:
    """The pod's own environment. Each value may refer to those before it."""
    declared: dict[str, str] = dict(ours)
    for variable in container.get("env") or ():
        if variable["name"] in ours:
            continue
        if "valueFrom" in variable:
            declared[variable["name"]] = _field(pod, variable["valueFrom"]["fieldRef"]["fieldPath"])
        else:
            declared[variable["name"]] = expand(variable.get("value") or "", declared)
    return declared


def _field(pod: Object, path: str) -> str:
    """What the downward API gives."""
    metadata = pod["metadata"]
    if entry := _ENTRY.fullmatch(path):
        return str((metadata.get(entry[1]) or {}).get(entry[2], ""))
    fields = dict(zip(_FIELDS, (metadata["name"], metadata["namespace"], metadata["uid"], "127.0.0.1"), strict=True))
    return str(fields[path])


def _inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """A container inherits nothing; a process needs its PATH, and finds this program's own Python first on it."""
    kept = {name: value for name, value in environment.items() if not name.startswith("STEPLADDER_")}
    path = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), kept.get("PATH", os.defpath))))
    # Trials run side by side: left alone, each would start a thread per core for every matrix product.
    return _ONE_THREAD | kept | {"PATH": path, "PYTHONUNBUFFERED": "1"}
