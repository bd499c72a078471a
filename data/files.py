"""Files that are whole under their final name, or not there at all."""

import os
from contextlib import suppress
from pathlib import Path

from data.errors import DataError

TEMPORARY_SUFFIX = ".unfinished"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old one, or none, never a part.

    Args:
        path: final name; its folder must exist.
        content: the whole file.

    Raises:
        DataError: the file cannot be written (disk full, no permission).
    """
    # A hidden name of our own in the same folder: renaming is atomic only within one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        reason = error.strerror or error
        raise DataError(
            f"{path} could not be written ({reason}): free disk space or choose another folder"
        ) from error


def leftovers(folder: Path) -> list[Path]:
    """Temporary files that an interrupted writer left in `folder`; never part of a data set."""
    return sorted(path for path in folder.glob(f".*{TEMPORARY_SUFFIX}") if path.is_file())


def remove_leftovers(folder: Path) -> int:
    """Delete what interrupted writers left in `folder` and return how many files that were."""
    found = leftovers(folder)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents.

    Raises:
        DataError: a file is in the way, or there is no permission.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be created ({error.strerror})") from error


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; only POSIX systems let a folder be opened for that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
