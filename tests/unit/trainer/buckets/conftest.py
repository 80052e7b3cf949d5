"""One server for all tests of a process."""

from collections.abc import Iterator

import pytest

from trainer.buckets.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("s3") / "root") as started:
        yield started
