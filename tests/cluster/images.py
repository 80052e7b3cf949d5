"""The images that the tests run: built, pushed to the local registry, pulled to the nodes before pods ask for them."""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from cluster import buildah, containerd, packages, registry, shell
from cluster.layout import BUILDAH, NODES, REGISTRY, REPOSITORY
from cluster.shell import ClusterError, say, show

# What the tests ask for, and what the examples and the chart ask for.
TAGS = ("dev", tomllib.loads((REPOSITORY / "operator" / "pyproject.toml").read_text())["project"]["version"])
SUITE = "bookworm"
BASE_PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"


@dataclass(frozen=True)
class Image:
    """An image of this project; on the cluster it is called ghcr.io/stepladder/NAME."""

    name: str
    dockerfile: Path | None = None

    @property
    def built(self) -> str:
        return f"localhost/stepladder/{self.name}:dev"

    def reference(self, tag: str) -> str:
        """What a pod asks for; the nodes look it up in the local registry first."""
        return f"ghcr.io/stepladder/{self.name}:{tag}"

    def pushed(self, tag: str) -> str:
        return f"{REGISTRY}/stepladder/{self.name}:{tag}"


BASE = Image("base")
IMAGES = (
    BASE,
    Image("operator", REPOSITORY / "operator" / "Dockerfile"),
    Image("trainer", REPOSITORY / "trainer_image" / "Dockerfile"),
)


def build(names: list[str]) -> list[Image]:
    """Build the named images (all, if none is named); one whose Dockerfile does not exist is left out with a word.

    Raises:
        ClusterError: a name is unknown, or a build failed.
    """
    packages.ensure(packages.IMAGES)
    chosen = select(names)
    if not buildah.exists(BASE.built):
        build_base()
    for image in chosen:
        if image.dockerfile is None:
            continue
        if not image.dockerfile.exists():
            say(f"left out {image.name}: there is no {image.dockerfile}")
            continue
        buildah.build(image.built, image.dockerfile, REPOSITORY, BASE_IMAGE=BASE.built, **revision())
    buildah.prune()
    return chosen


def revision() -> dict[str, str]:
    """The commit that is checked out, for the Dockerfiles that record it."""
    git = ("git", "-C", REPOSITORY, "rev-parse", "HEAD")
    return {"GIT_REVISION": shell.run(*git).strip()} if shell.succeeds(*git) else {}


def load(names: list[str]) -> None:
    """Push what was built to the registry and pull it to every node.

    Raises:
        ClusterError: the cluster is down, or has no room.
    """
    if not registry.answers():
        raise ClusterError("the registry does not answer: start the cluster first (make cluster-up)")
    packages.ensure(packages.IMAGES)
    chosen = [image for image in select(names) if buildah.exists(image.built)]
    for image in chosen:
        for tag in TAGS:
            buildah.push(image.built, image.pushed(tag))
    registry.prune()
    for node in NODES:
        for image in chosen:
            hosts = ("--hosts-dir", node.directory / "registries")
            for tag in TAGS:
                shell.run(*containerd.ctr(node), "images", "pull", *hosts, image.reference(tag))
        forget_old_images(containerd.ctr(node))
    say(f"loaded: {', '.join(image.reference(TAGS[0]) for image in chosen)}")


def select(names: list[str]) -> list[Image]:
    known = {image.name: image for image in IMAGES}
    if unknown := sorted(set(names) - set(known)):
        raise ClusterError(f"unknown image {', '.join(unknown)}; there are {', '.join(known)}")
    return [image for image in IMAGES if not names or image.name in names]


def forget_old_images(ctr: list[str]) -> None:
    """containerd keeps an image under the name of its digest when its tag moves on; without a name it is deleted."""
    references = {}
    for line in shell.run(*ctr, "images", "list").splitlines()[1:]:
        name, _, digest = line.split()[:3]
        references[name] = digest
    in_use = {digest for name, digest in references.items() if not name.startswith("sha256:")}
    outdated = [name for name, digest in references.items() if digest not in in_use]
    if outdated:
        shell.run(*ctr, "images", "remove", "--sync", *outdated)


def build_base() -> None:
    """What Dockerfiles take as BASE_IMAGE where no public registry can be reached: Debian with Python 3.11."""
    root, context = BUILDAH / "base-root", BUILDAH / "base"
    shutil.rmtree(root, ignore_errors=True)
    context.mkdir(parents=True, exist_ok=True)
    # The mount namespace: debootstrap mounts /proc, and would leave it there if it were interrupted.
    show("unshare", "--mount", "debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", SUITE, root)
    for mount_point in buildah.LENT.values():
        path = root / mount_point.removeprefix("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir()
    leave_out = [f"--exclude=./{path}/*" for path in ("var/cache/apt", "var/lib/apt/lists", "dev", "proc")]
    shell.run("tar", "--numeric-owner", *leave_out, "-C", root, "-cf", context / "base.tar", ".")
    shutil.rmtree(root)
    (context / "Dockerfile").write_text('FROM scratch\nADD base.tar /\nCMD ["python3"]\n')
    buildah.build(BASE.built, context / "Dockerfile", context)
    (context / "base.tar").unlink()
