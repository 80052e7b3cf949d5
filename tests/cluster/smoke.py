"""Does the cluster do what the end-to-end tests rely on?"""

import json
import os
import urllib.request
from typing import Any

from cluster import kubectl
from cluster.gpu import RESOURCE
from cluster.images import BASE
from cluster.layout import VOLUMES
from cluster.shell import ClusterError, say, wait_until

NAMESPACE = f"smoke-{os.getpid()}"
ASK_API = (
    "import os, ssl, urllib.request;"
    "home = '/var/run/secrets/kubernetes.io/serviceaccount/';"
    "url = 'https://' + os.environ['KUBERNETES_SERVICE_HOST'] + ':443/version';"
    "request = urllib.request.Request(url, headers={'Authorization': 'Bearer ' + open(home + 'token').read()});"
    "trust = ssl.create_default_context(cafile=home + 'ca.crt');"
    "print(urllib.request.urlopen(request, context=trust).read().decode());"
    "open('/checkpoints/written', 'w').write('by a pod')"
)
SERVE = "import http.server as web; web.test(web.SimpleHTTPRequestHandler, port=9090)"


def check() -> None:
    """Run it, and remove what it made.

    Raises:
        ClusterError: names the promise that was not kept.
    """
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    try:
        kubectl.apply(quota(), claim())
        wait_until("the quota is counted", lambda: used_gpus() == "0", 30)
        wait_until("a service account exists", lambda: kubectl.succeeds("-n", NAMESPACE, "get", "sa", "default"), 30)

        kubectl.apply(pod("asks", ASK_API))
        wait_until("a pod with a GPU asks the API server by its ClusterIP", lambda: phase("asks") == "Succeeded", 60)
        version = json.loads(kubectl.run("-n", NAMESPACE, "logs", "asks"))["gitVersion"]
        say(f"a pod reached the API server {version}, and kubectl its logs")
        name = kubectl.get("-n", NAMESPACE, "pvc", "checkpoints")["spec"]["volumeName"]
        if (VOLUMES / name / "written").read_text() != "by a pod":
            raise ClusterError(f"what the pod wrote to its claim is not in {VOLUMES / name}")
        say(f"what a pod without root wrote to its claim lies in {VOLUMES / name}")

        kubectl.apply(pod("serves", SERVE))
        wait_until("a pod runs", lambda: phase("serves") == "Running", 60)
        wait_until("the quota counts its GPU", lambda: used_gpus() == "1", 30)
        if kubectl.succeeds("-n", NAMESPACE, "run", "refused", *one_gpu_more()):
            raise ClusterError("the quota of 1 GPU let a second pod with a GPU in")
        say("a ResourceQuota counts GPUs and refuses one too many")
        address = kubectl.get("-n", NAMESPACE, "pod", "serves")["status"]["podIP"]
        wait_until("the host reaches a pod by its address", lambda: reachable(f"http://{address}:9090/"), 30)
        say("the host reached a pod by its address")
    finally:
        kubectl.run("delete", "namespace", NAMESPACE, "--wait=false")


def quota() -> dict[str, Any]:
    metadata = {"name": "gpus", "namespace": NAMESPACE}
    spec = {"hard": {f"requests.{RESOURCE}": "1"}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec}


def claim() -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "checkpoints", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def pod(name: str, program: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": BASE.reference("dev"),
        "command": ["python3", "-c", program],
        "resources": {"limits": {RESOURCE: "1"}},
        "securityContext": {"runAsUser": 10001, "runAsGroup": 10001},
        "volumeMounts": [{"name": "checkpoints", "mountPath": "/checkpoints"}],
    }
    spec = {
        "restartPolicy": "Never",
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "checkpoints", "persistentVolumeClaim": {"claimName": "checkpoints"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def one_gpu_more() -> tuple[str, str]:
    container = {"name": "main", "image": "none", "resources": {"limits": {RESOURCE: "1"}}}
    return "--image=none", f"--overrides={json.dumps({'spec': {'containers': [container]}})}"


def phase(name: str) -> str:
    return str(kubectl.get("-n", NAMESPACE, "pod", name)["status"]["phase"])


def used_gpus() -> str | None:
    used: dict[str, str] = kubectl.get("-n", NAMESPACE, "resourcequota", "gpus").get("status", {}).get("used", {})
    return used.get(f"requests.{RESOURCE}")


def reachable(url: str) -> bool:
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
    except OSError:
        return False
    return True
