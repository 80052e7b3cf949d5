"""The kubelet and the service proxy of a node."""

import json

from cluster import cgroups, kubectl, machine
from cluster.certificates import CA, kubeconfig
from cluster.containerd import SOCKET
from cluster.layout import BIN, LOGS, POD_CIDR, Node
from cluster.shell import wait_until


def start(node: Node) -> None:
    """Start both and wait until the node is Ready.

    Raises:
        ClusterError: it was not in time; the message shows the logs.
    """
    cgroups.make(node)
    (node.directory / "resolv.conf").write_text("")  # there is no DNS to ask: names fail at once, not after 5 s
    (node.directory / "kubelet.json").write_text(json.dumps(kubelet_configuration(node), indent=1))
    machine.spawn(
        node,
        f"kubelet-{node.index}",
        BIN / "kubelet",
        f"--config={node.directory / 'kubelet.json'}",
        f"--kubeconfig={kubeconfig(node.name)}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
    )
    (node.directory / "kube-proxy.json").write_text(json.dumps(proxy_configuration(node), indent=1))
    proxy = f"kube-proxy-{node.index}"
    machine.spawn(node, proxy, BIN / "kube-proxy", f"--config={node.directory / 'kube-proxy.json'}")


def wait_until_ready(node: Node) -> None:
    logs = [LOGS / f"kubelet-{node.index}.log", LOGS / f"containerd-{node.index}.log"]
    wait_until(f"node {node.name} is Ready", lambda: ready(node), 60, logs)


def ready(node: Node) -> bool:
    """Whether the kubelet answers and pods may be scheduled to its node."""
    # The condition outlives the kubelet by 40 s: ask the kubelet, too.
    if not kubectl.succeeds("get", "--raw", f"/api/v1/nodes/{node.name}/proxy/healthz"):
        return False
    found = kubectl.get("node", node.name)
    conditions = {condition["type"]: condition["status"] for condition in found["status"]["conditions"]}
    taints = [taint["key"] for taint in found["spec"].get("taints", [])]
    return conditions.get("Ready") == "True" and "node.kubernetes.io/not-ready" not in taints


def kubelet_configuration(node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(CA)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.NAME}/{node.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        # Nothing listens there, so names fail at once; without an address every pod would get a warning.
        "clusterDNS": [node.address],
        "clusterDomain": "cluster.local",
        "resolvConf": str(node.directory / "resolv.conf"),
        "maxPods": 200,
        "serializeImagePulls": False,
        "makeIPTablesUtilChains": False,
        "nodeStatusUpdateFrequency": "4s",
        # The host's disk is not ours to judge: never remove an image or a pod because others filled it.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }


def proxy_configuration(node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(kubeconfig("kube-proxy"))},
        # Zero leaves the kernel's connection tracking limits, which all namespaces share, as they are.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
