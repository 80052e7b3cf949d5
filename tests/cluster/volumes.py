"""Persistent volumes for checkpoints: directories of the host that every node sees, and a default storage class."""

from cluster import kubectl
from cluster.layout import VOLUMES

COUNT = 30
STORAGE_CLASS = "standard"  # kind's name for its default, so that the same manifests work there


def offer() -> None:
    """Claims of up to 10 GiB are bound at once, whatever their access mode.

    Volume `volume-07` is the directory VOLUMES/volume-07 on the host. Anybody may write there, since trainers don't run
    as root. A released volume is not given out again: `down` and `up` bring fresh ones.
    """
    storage_class = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
    }
    kubectl.apply(storage_class, *(volume(f"volume-{index:02}") for index in range(COUNT)))


def volume(name: str) -> dict[str, object]:
    directory = VOLUMES / name
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o777)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "hostPath": {"path": f"/var/lib/volumes/{name}"},
        },
    }
