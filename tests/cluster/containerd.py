"""containerd on a node, with the plain bridge network plugin, pulling everything from the local registry."""

import json

from cluster import machine, processes, shell
from cluster.layout import LOGS, REGISTRY, Node

SOCKET = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "stepladder.test/pause:1"


def start(node: Node) -> None:
    """Write its configuration, start it, and wait until it answers."""
    node.directory.joinpath("cni").mkdir(parents=True, exist_ok=True)
    node.directory.joinpath("cni", "pods.conflist").write_text(json.dumps(network(node), indent=1))
    mirror = node.directory / "registries" / "_default"
    mirror.mkdir(parents=True, exist_ok=True)
    (mirror / "hosts.toml").write_text(f'[host."http://{REGISTRY}"]\ncapabilities = ["pull", "resolve"]\n')
    (node.directory / "containerd.toml").write_text(configuration(node))
    name = f"containerd-{node.index}"
    machine.spawn(node, name, "containerd", "--config", node.directory / "containerd.toml")
    log = LOGS / f"{name}.log"
    shell.wait_until("containerd answers", lambda: shell.succeeds(*ctr(node), "version"), 30, [log])


def ctr(node: Node) -> list[str]:
    """containerd's own client, inside the node, in the namespace that Kubernetes uses."""
    return [*machine.enter(processes.find(node.name)), "ctr", "--namespace", "k8s.io"]


def configuration(node: Node) -> str:
    """Whatever registry an image names, `_default` sends the pull to the local one first.

    restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox starts otherwise.
    """
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{PAUSE_IMAGE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node.directory / "cni"}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{node.directory / "registries"}"
"""


def network(node: Node) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "pods",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": node.pod_cidr}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni",
        },
    }
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}
