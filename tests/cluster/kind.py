"""The same cluster where a Docker engine runs: kind does the work. README.md says what of this was tried."""

import shutil

from cluster import build, gpu, kubectl
from cluster.images import TAGS, select
from cluster.layout import KUBECONFIG, KUBERNETES_VERSION, REPOSITORY, STATE
from cluster.shell import run, say, show, succeeds

CLUSTER = ("--name", "stepladder")
PYTHON = "python:3.11-slim-bookworm"


def usable() -> bool:
    """Whether kind is installed and a Docker engine answers."""
    return shutil.which("kind") is not None and shutil.which("docker") is not None and succeeds("docker", "info")


def up() -> None:
    build.programs()
    if CLUSTER[1] not in run("kind", "get", "clusters").split():
        STATE.mkdir(parents=True, exist_ok=True)
        image = f"kindest/node:{KUBERNETES_VERSION}"
        show("kind", "create", "cluster", *CLUSTER, "--kubeconfig", KUBECONFIG, "--image", image, "--wait", "120s")
    for name in kubectl.run("get", "nodes", "-o", "name").split():
        gpu.fit(name.removeprefix("node/"))
    say(f"the cluster is up: export KUBECONFIG={KUBECONFIG}")


def down() -> None:
    show("kind", "delete", "cluster", *CLUSTER, "--kubeconfig", KUBECONFIG)


def images(names: list[str]) -> None:
    """Build with Docker and carry the images into kind's node."""
    for image in select(names):
        references = [image.reference(tag) for tag in TAGS]
        if image.dockerfile is None:
            show("docker", "pull", PYTHON)
            for reference in references:
                show("docker", "tag", PYTHON, reference)
        elif image.dockerfile.exists():
            tags = [word for reference in references for word in ("--tag", reference)]
            base = f"BASE_IMAGE={PYTHON}"
            show("docker", "build", *tags, "--build-arg", base, "--file", image.dockerfile, REPOSITORY)
        else:
            continue
        show("kind", "load", "docker-image", *CLUSTER, *references)
