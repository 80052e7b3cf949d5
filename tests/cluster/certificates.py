"""The cluster's own certificate authority, and kubeconfig files for whoever talks to the API server."""

import base64
import json
from pathlib import Path

from cluster.layout import API_SERVER, CONTROL_PLANE, KUBECONFIG, NODES, PKI, SERVICE_ADDRESS
from cluster.shell import run

CA = PKI / "ca.crt"
SERVICE_ACCOUNT_KEY = PKI / "service-account.key"
# No sections but the one openssl insists on: the machine's own openssl.cnf must not add extensions.
BARE = "[req]\ndistinguished_name = name\n[name]\n"
CLIENTS = {
    # file name: subject. The names are those that Kubernetes' built-in roles are bound to.
    "admin": "/O=system:masters/CN=stepladder-admin",
    "kubelet-client": "/O=system:masters/CN=kube-apiserver-kubelet-client",
    "kube-controller-manager": "/CN=system:kube-controller-manager",
    "kube-scheduler": "/CN=system:kube-scheduler",
    "kube-proxy": "/CN=system:kube-proxy",
    **{node.name: f"/O=system:nodes/CN=system:node:{node.name}" for node in NODES},
}


def make() -> None:
    """A fresh authority and everything it signs, valid for a year."""
    PKI.mkdir(parents=True, mode=0o700)
    (PKI / "openssl.cnf").write_text(BARE)
    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,digitalSignature")
    request("ca", "/CN=stepladder-test-cluster", *authority)
    names = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost"
    alternatives = f"subjectAltName={names},IP:{SERVICE_ADDRESS},IP:{CONTROL_PLANE.address},IP:127.0.0.1"
    request("kube-apiserver", "/CN=kube-apiserver", "extendedKeyUsage=serverAuth", alternatives)
    for name, subject in CLIENTS.items():
        request(name, subject, "extendedKeyUsage=clientAuth")
    run("openssl", "genrsa", "-out", SERVICE_ACCOUNT_KEY, "2048")
    for name in CLIENTS:
        write_kubeconfig(name, kubeconfig(name))
    write_kubeconfig("admin", KUBECONFIG)


def request(name: str, subject: str, *extensions: str) -> None:
    """A key and a certificate: signed by the authority, or by itself if it is the authority."""
    signer = () if name == "ca" else ("-CA", CA, "-CAkey", PKI / "ca.key")
    run(
        *("openssl", "req", "-config", PKI / "openssl.cnf", "-x509", *signer, "-days", "365", "-subj", subject),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", PKI / f"{name}.key", "-out", PKI / f"{name}.crt"),
        *(word for extension in extensions for word in ("-addext", extension)),
    )


def kubeconfig(name: str) -> Path:
    return PKI / f"{name}.kubeconfig"


def write_kubeconfig(name: str, path: Path) -> None:
    def encoded(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    cluster = {"server": API_SERVER, "certificate-authority-data": encoded(CA)}
    user = {
        "client-certificate-data": encoded(PKI / f"{name}.crt"),
        "client-key-data": encoded(PKI / f"{name}.key"),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stepladder", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "stepladder", "context": {"cluster": "stepladder", "user": name}}],
        "current-context": "stepladder",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1))
