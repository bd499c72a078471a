"""The index of a data set: a JSON file that saves opening every episode, and can be rebuilt."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from data.episode import FORMAT_VERSION, Header, read_header
from data.errors import DataError
from data.files import write_atomically
from data.plain import to_json

INDEX_NAME = "index.json"
EPISODE_PATTERN = "episode_*.hdf5"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the index."""

    file: str
    """Name inside the folder."""

    length: int
    """Time steps."""

    size: int
    """Bytes."""

    seed: int | None
    """What the environment was reset with; None for imported video."""

    success: bool | None
    """Whether the task was solved in the last step; None where there is no task."""

    images: dict[str, list[int]]
    """[H, W, 3] by camera name."""


def episode_path(folder: Path, number: int) -> Path:
    """The file of episode `number`, counted from 0."""
    return folder / f"episode_{number:05d}.hdf5"


def episode_paths(folder: Path) -> list[Path]:
    """The episode files in `folder`, in order."""
    return sorted(folder.glob(EPISODE_PATTERN), key=lambda path: (len(path.name), path.name))


def entry_of(path: Path) -> Entry:
    """Describe one episode file.

    Raises:
        DataError: the file is damaged or of an unknown version.
    """
    header: Header = read_header(path)
    return Entry(
        file=path.name,
        length=header["length"],
        size=path.stat().st_size,
        seed=header["meta"].get("seed"),
        success=header["meta"].get("success"),
        images={camera: list(shape) for camera, shape in header["image_shapes"].items()},
    )


def scan(folder: Path, known: Mapping[str, Entry] | None = None) -> tuple[list[Entry], list[str]]:
    """Describe every episode file in `folder`.

    Args:
        folder: of a data set.
        known: entries by file name that need not be read again.

    Returns:
        The whole ones, and a message for each damaged one.
    """
    entries, damaged = [], []
    for path in episode_paths(folder):
        try:
            entries.append((known or {}).get(path.name) or entry_of(path))
        except DataError as error:
            damaged.append(str(error))
    return entries, damaged


def save(folder: Path, entries: Sequence[Entry]) -> None:
    """Write the index of `folder`; errors as in `write_atomically`."""
    content = {
        "format_version": FORMAT_VERSION,
        "episodes": [asdict(entry) for entry in sorted(entries, key=lambda entry: entry.file)],
    }
    text = to_json(content, what=INDEX_NAME, indent=1) + "\n"
    write_atomically(folder / INDEX_NAME, text.encode())


def load(folder: Path) -> list[Entry] | None:
    """Read the index of `folder`.

    Returns:
        None when there is none, or it is unreadable or disagrees with the files that are present.

    Raises:
        DataError: the index has an unknown format version.
    """
    path = folder / INDEX_NAME
    try:
        content = json.loads(path.read_bytes())
        version = content["format_version"]
        if version != FORMAT_VERSION:
            raise DataError(
                f"{path} has format version {version}, this program reads {FORMAT_VERSION}: "
                "use the version that wrote it, or collect again"
            )
        entries = [Entry(**entry) for entry in content["episodes"]]
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError):
        return None
    listed = [(entry.file, entry.size) for entry in entries]
    present = [(path.name, path.stat().st_size) for path in episode_paths(folder)]
    return entries if listed == present else None
