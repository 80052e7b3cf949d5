"""The one option of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cluster", action="store_true", help="check the ObjectStore contract on the test cluster, not in memory"
    )
