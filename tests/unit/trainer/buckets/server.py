"""A real S3 server of this machine: Versity's gateway over a directory, built once by Go into the cache."""

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import build
from cluster.layout import BIN

VERSION = "v1.8.0"
PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
KEY, SECRET = "stepladder", "a secret that no log may show"
BUCKET = "checkpoints"


@dataclass(frozen=True)
class Server:
    """It listens at `endpoint`; its buckets are the directories of `root`, its objects files."""

    endpoint: str
    root: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What a container is given to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }

    def object(self, url: str) -> Path:
        """The file that holds the object."""
        return self.root / url.removeprefix("s3://")


def program() -> Path:
    """Built if nobody has done so, while other test processes wait for it."""
    BIN.mkdir(parents=True, exist_ok=True)
    with (BIN / "versitygw.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build.install("versitygw", VERSION, ("versitygw",), build.go_install(PACKAGE, VERSION))
    return BIN / "versitygw"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(root: Path) -> Iterator[Server]:
    """The server, with an empty bucket, while the block runs."""
    (root / BUCKET).mkdir(parents=True)
    port = free_port()
    metadata = root.with_name("metadata")  # the file system need not have extended attributes
    metadata.mkdir()
    flags = ["--port", f"127.0.0.1:{port}", "--access", KEY, "--secret", SECRET, "--quiet"]
    command = [str(program()), *flags, "posix", "--sidecar", str(metadata), str(root)]
    log = root.with_name("log").open("w")
    with log, subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "NO_PROXY": "127.0.0.1"}) as process:
        try:
            await_port(port, process)
            yield Server(f"http://127.0.0.1:{port}", root)
        finally:
            process.terminate()
            process.wait(10)


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"versitygw does not listen on port {port}")
