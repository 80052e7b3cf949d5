"""Building images without Docker: buildah with a store of its own in the cache.

A build needs this machine's way to the package registries (proxies, certificates, pip and uv settings) and may use its
uv cache. All of that is lent to the build's RUN steps through buildah's own configuration; none ends up in an image.
"""

import configparser
import io
import json
import os
import shutil
from pathlib import Path

from cluster.layout import BUILDAH
from cluster.shell import run, show

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PIP_SETTINGS = (Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf")
ROOM_TO_KEEP = 25 * 10**9  # bytes; a trainer image takes 12 GB in the store, the registry and the node together
UV_SETTINGS = (Path("/etc/uv/uv.toml"), Path.home() / ".config/uv/uv.toml")
UV_CACHE = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
# Where the build sees them. The base image has them all, empty, so that mounting leaves no trace in a layer.
LENT = {"pip.conf": "/etc/pip.conf", "uv.toml": "/etc/uv/uv.toml", "uv-cache": "/root/.cache/uv"}


def command(*words: str | Path) -> list[str]:
    """A mount namespace around buildah: whatever it mounts is gone when it ends, however it ends."""
    store = ("--root", BUILDAH / "store", "--runroot", BUILDAH / "run", "--storage-driver", "overlay")
    return ["unshare", "--mount", "buildah", *(str(word) for word in (*store, *words))]


def build(tag: str, dockerfile: Path, context: Path, **arguments: str) -> None:
    """Build one image; steps that were built before are taken from the store.

    Raises:
        ClusterError: a step failed; its output was shown.
    """
    settings = ("--layers", "--format", "oci", "--isolation", "chroot", "--pull-never")
    values = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    words = command("build", *settings, *values, "--tag", tag, "--file", dockerfile, context)
    show(*words, env={"CONTAINERS_CONF": str(lend())})


def exists(tag: str) -> bool:
    return tag in run(*command("images", "--format", "{{.Name}}:{{.Tag}}")).split()


def push(tag: str, destination: str) -> None:
    """Push to a registry; only the layers that it lacks travel.

    Zstandard at its lowest level: gzip would take most of the time of a 5 GB image.
    """
    settings = ("--quiet", "--tls-verify=false", "--compression-format", "zstd", "--compression-level", "1")
    run(*command("push", *settings, tag, f"docker://{destination}"))


def prune() -> None:
    """Remove images of earlier builds, but only when the disk needs it: they are what makes the next build short."""
    if shutil.disk_usage(BUILDAH).free < ROOM_TO_KEEP:
        run(*command("rmi", "--prune", "--force"))


def lend() -> Path:
    """A containers.conf that mounts this machine's settings for RUN steps; buildah itself passes proxy variables on."""
    lent = BUILDAH / "lent"
    lent.mkdir(parents=True, exist_ok=True)
    UV_CACHE.mkdir(parents=True, exist_ok=True)
    (lent / "pip.conf").write_text(pip_settings())
    (lent / "uv.toml").write_text(uv_settings())
    volumes = [
        f"{lent / 'pip.conf'}:{LENT['pip.conf']}:ro",
        f"{lent / 'uv.toml'}:{LENT['uv.toml']}:ro",
        f"{UV_CACHE}:{LENT['uv-cache']}",
    ]
    if CERTIFICATES.exists():
        volumes.append(f"{CERTIFICATES}:{CERTIFICATES}:ro")
    configuration = BUILDAH / "containers.conf"
    configuration.write_text(f"[containers]\nvolumes = {json.dumps(volumes)}\n")
    return configuration


def pip_settings() -> str:
    """pip's configuration files and PIP_... variables as one file; a path names a file that the build does not see."""
    parser = configparser.RawConfigParser()
    parser.read(PIP_SETTINGS)
    variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    parser.read_dict({"global": {name[4:].lower().replace("_", "-"): value for name, value in variables.items()}})
    for name, value in list(parser["global"].items()):
        if value.startswith("/"):
            parser.remove_option("global", name)
    parser["global"]["cert"] = str(CERTIFICATES)
    with io.StringIO() as text:
        parser.write(text)
        return text.getvalue()


def uv_settings() -> str:
    """uv's configuration file, if there is one; with the system's certificates, and copies from the mounted cache."""
    found = [path.read_text() for path in UV_SETTINGS if path.exists()]
    text = found[-1] if found else ""
    for name, value in (("system-certs", "true"), ("link-mode", '"copy"')):
        if name not in text:
            text = f"{name} = {value}\n{text}"
    return text
