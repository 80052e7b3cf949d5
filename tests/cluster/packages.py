"""Debian packages the cluster is made of, installed when they are missing."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from cluster.shell import ClusterError, say, show

# What proves that a package is there -> the package.
CLUSTER = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "docker-registry": "docker-registry",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "nsenter": "util-linux",
}
IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}

# While it exists, Debian's package scripts start no service: we run etcd and containerd ourselves.
START_NO_SERVICE = Path("/usr/sbin/policy-rc.d")


def ensure(wanted: dict[str, str]) -> None:
    """Install what is missing, and say what.

    Raises:
        ClusterError: there is no apt, or it could not install them.
    """
    missing = sorted({package for proof, package in wanted.items() if not present(proof)})
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise ClusterError(f"the test cluster needs {', '.join(missing)}, and there is no apt-get to install them with")
    say(f"installing Debian packages: {' '.join(missing)}")
    install(missing)


def present(proof: str) -> bool:
    return shutil.which(proof) is not None or shutil.which(proof, path="/usr/sbin:/sbin") is not None


def install(packages: Iterable[str]) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    ours = not START_NO_SERVICE.exists()
    if ours:
        START_NO_SERVICE.write_text("#!/bin/sh\nexit 101\n")
        START_NO_SERVICE.chmod(0o755)
    try:
        show("apt-get", "-q", "update", env=quiet)
        show("apt-get", "-q", "install", "-y", "--no-upgrade", "--no-install-recommends", *packages, env=quiet)
    finally:
        if ours:
            START_NO_SERVICE.unlink()
