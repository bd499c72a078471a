"""With DSAE_NO_SKIP set a skipped test fails: nothing may go untested because a package is missing.

A machine without a GPU is no fault: a skip whose reason says "needs a GPU" stays a skip.
"""

import os
from collections.abc import Generator

import pytest

NO_SKIP = os.environ.get("DSAE_NO_SKIP", "") not in ("", "0")


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if "needs a GPU" not in reason:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped while DSAE_NO_SKIP is set: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if NO_SKIP:
        fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if NO_SKIP:
        fail_if_skipped(report)
    return report
