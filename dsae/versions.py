"""The versions that figures and weights depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("dsae", "torch", "numpy", "mujoco", "gymnasium", "h5py", "opencv-python-headless")


def installed() -> dict[str, str]:
    """Return the version of Python, and of each of our packages that is installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
