"""Building images without Docker: buildah with a store of its own in the cache.

A build needs this machine's way to the package registries (proxies, certificates, pip and uv settings) and may use its uv
cache. All of that is lent to the build's RUN steps through buildah's own configuration, and none of it ends up in an image.
"""

import json
import os
import shutil
from pathlib import Path

from cluster.layout import BUILDAH
from cluster.shell import run, show

LENT = "/run/lent"  # where the build sees what this machine lends it
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SETTINGS = {
    "PIP_CONFIG_FILE": [Path("/etc/pip.conf"), Path.home() / ".config/pip/pip.conf"],
    "UV_CONFIG_FILE": [Path("/etc/uv/uv.toml"), Path.home() / ".config/uv/uv.toml"],
}


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
    """Remove what no tag needs: left-over working containers, images of earlier builds."""
    run(*command("rm", "--all"))
    run(*command("rmi", "--prune", "--force"))


def lend() -> Path:
    """A containers.conf that hands this machine's settings to RUN steps."""
    lent = BUILDAH / "lent"
    shutil.rmtree(lent, ignore_errors=True)
    lent.mkdir(parents=True)
    uv_cache = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
    uv_cache.mkdir(parents=True, exist_ok=True)
    prefixes = ("PIP_", "UV_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
    # A value that is a path names a file of this machine, which the build does not see.
    lent_values = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(prefixes) and not value.startswith("/")
    }
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, lent / "certificates.crt")
        lent_values |= dict.fromkeys(CERTIFICATE_VARIABLES, f"{LENT}/certificates.crt")
    for variable, places in SETTINGS.items():
        for place in places:
            if place.exists():
                text = place.read_text().replace(str(CERTIFICATES), f"{LENT}/certificates.crt")
                (lent / place.name).write_text(text)
                lent_values[variable] = f"{LENT}/{place.name}"
    lent_values |= {"UV_CACHE_DIR": f"{LENT}/uv-cache", "UV_LINK_MODE": "copy"}
    (lent / "uv-cache").mkdir()
    environment = json.dumps([f"{name}={value}" for name, value in sorted(lent_values.items())])
    volumes = json.dumps([f"{lent}:{LENT}", f"{uv_cache}:{LENT}/uv-cache"])
    configuration = BUILDAH / "containers.conf"
    configuration.write_text(f"[containers]\nenv = {environment}\nvolumes = {volumes}\n")
    return configuration
