import sys
from pathlib import Path

import pytest

import envs

# For `suites`, by its plain name.
sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test-all` picks an adapter's tests by its name: each must have one, or never run."""
    for item in items:
        if item.get_closest_marker("adapter") and not any(
            adapter in item.nodeid for adapter in envs.adapter_names()
        ):
            raise pytest.UsageError(f"{item.nodeid} names no adapter")
