"""etcd, the API server, the controller manager and the scheduler."""

from cluster import kubectl, machine
from cluster.certificates import CA, SERVICE_ACCOUNT_KEY, kubeconfig
from cluster.layout import BIN, CONTROL_PLANE, LOGS, PKI, POD_CIDR, SERVICE_CIDR, STATE
from cluster.shell import wait_until


def start() -> None:
    """Start them and wait until the API answers.

    Raises:
        ClusterError: it did not in time; the message shows the logs.
    """
    etcd()
    api_server()
    wait_until_ready()
    controller_manager()
    scheduler()


def wait_until_ready() -> None:
    logs = [LOGS / "kube-apiserver.log", LOGS / "etcd.log"]
    wait_until("the API server is ready", lambda: kubectl.succeeds("get", "--raw", "/readyz"), 60, logs)


def etcd() -> None:
    machine.spawn(
        CONTROL_PLANE,
        "etcd",
        "etcd",
        f"--data-dir={STATE / 'etcd'}",
        "--unsafe-no-fsync",  # a test cluster need not survive a power cut
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
        "--logger=zap",
        "--quota-backend-bytes=8589934592",
    )


def api_server() -> None:
    machine.spawn(
        CONTROL_PLANE,
        "kube-apiserver",
        BIN / "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={CONTROL_PLANE.address}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--client-ca-file={CA}",
        f"--tls-cert-file={PKI / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={PKI / 'kube-apiserver.key'}",
        f"--kubelet-client-certificate={PKI / 'kubelet-client.crt'}",
        f"--kubelet-client-key={PKI / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",  # node names resolve nowhere
        f"--service-account-key-file={SERVICE_ACCOUNT_KEY}",
        f"--service-account-signing-key-file={SERVICE_ACCOUNT_KEY}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
    )


def controller_manager() -> None:
    machine.spawn(
        CONTROL_PLANE,
        "kube-controller-manager",
        BIN / "kube-controller-manager",
        f"--kubeconfig={kubeconfig('kube-controller-manager')}",
        f"--root-ca-file={CA}",
        f"--service-account-private-key-file={SERVICE_ACCOUNT_KEY}",
        "--use-service-account-credentials=true",
        f"--cluster-cidr={POD_CIDR}",
        "--allocate-node-cidrs=false",  # each node's range is fixed in layout.py
        "--leader-elect=false",
    )


def scheduler() -> None:
    machine.spawn(
        CONTROL_PLANE,
        "kube-scheduler",
        BIN / "kube-scheduler",
        f"--kubeconfig={kubeconfig('kube-scheduler')}",
        "--leader-elect=false",
    )
