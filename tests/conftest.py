"""The one option of the whole suite, and Hypothesis's settings: no test may fail because the machine is busy."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("stepladder", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stepladder")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cluster", action="store_true", help="check the ObjectStore contract on the test cluster, not in memory"
    )
