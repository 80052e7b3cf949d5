"""The image of every pod's sandbox container: one static program that waits, put together by hand."""

import hashlib
import io
import json
import platform
import tarfile

from cluster import containerd, shell
from cluster.build import PAUSE
from cluster.layout import STATE, Node

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def load(node: Node) -> None:
    """Import it into the node's containerd, so that no sandbox waits for a registry."""
    archive = STATE / "pause.tar"
    write(archive.open("wb"))
    shell.run(*containerd.ctr(node), "images", "import", archive)


def write(target: io.BufferedWriter) -> None:
    """An archive as `docker save` writes it: a layer, the configuration, and a manifest that names both."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        files.add(PAUSE.resolve(), arcname="pause")
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    configuration = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [containerd.PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    with target, tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in (
            ("layer.tar", layer.getvalue()),
            ("config.json", json.dumps(configuration).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
