"""One episode: frames, robot state, actions and ground truth, and the HDF5 file it lives in."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from data.errors import DamagedFileError, DataError
from data.files import write_atomically
from data.plain import to_json

FORMAT_VERSION = 2
IMAGE_SUFFIX = "_image"
KEYPOINT_SUFFIX = "_keypoints"
FRAMES_PER_CHUNK = 4
"""A three-frame window touches one or two chunks, and a chunk still compresses well."""

ATTRIBUTE_LIMIT = 60_000
"""Bytes; HDF5 keeps an attribute in an object header, which ends at 64 KiB."""

# Measured on rendered frames of 64 and 240 pixels: 11 to 12 % of the raw size. lz4hc makes 8 % of
# them but takes four to six times as long, zstd 7 to 8 %, twice as long to write and to read.
_COMPRESSION = hdf5plugin.Blosc(cname="lz4", clevel=9, shuffle=hdf5plugin.Blosc.NOSHUFFLE)


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """T time steps: frame t is what was seen before action t was applied.

    Raises:
        DataError: an array has the wrong type or shape, or another length than the others.
    """

    images: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    """Frames by camera name, each (T, H, W, 3), RGB."""

    observations: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Vectors by name, each (T, D): joint_position, ee_pose, goal, ..."""

    actions: NDArray[Any] | None = None
    """(T, A), as executed, exploration noise included."""

    intended_actions: NDArray[Any] | None = None
    """(T, A), what the controller meant before noise: the cloning targets (DART, Laskey 2017)."""

    rewards: NDArray[Any] | None = None
    """(T,), received for action t."""

    dones: NDArray[np.bool_] | None = None
    """(T,), True where the episode ended with action t, by success, failure or time limit."""

    keypoints: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """By camera, each (T, N, 3): x, y in pixels and visible (0 or 1); x right, y down, (0, 0) is
    the centre of the top-left pixel."""

    keypoint_names: tuple[str, ...] = ()
    """The N names of `keypoints` and `points`."""

    points: NDArray[Any] | None = None
    """(T, N, 3): the same points in metres, world frame."""

    factors: dict[str, float | str | list[Any]] = field(default_factory=dict)
    """What varied between episodes: positions, colours, masses."""

    meta: dict[str, Any] = field(default_factory=dict)
    """What JSON can hold: environment, seed, controller, success, fps."""

    def __post_init__(self) -> None:
        for name in (*self.images, *self.observations, *self.keypoints):
            if not name or "/" in name:
                raise DataError(f"{name!r} cannot name an array: it is empty or contains a '/'")
        for name, array in self.images.items():
            if array.dtype != np.uint8 or array.ndim != 4 or array.shape[3] != 3:
                raise DataError(f"images of {name!r} are {_kind(array)}, not uint8 (T, H, W, 3)")
        for name, array in self.observations.items():
            if name.endswith(IMAGE_SUFFIX):
                raise DataError(f"rename the observation {name!r}: '{IMAGE_SUFFIX}' marks cameras")
            _check_axes(name, array, 2)
        for name, axes in _AXES.items():
            if (array := getattr(self, name)) is not None:
                _check_axes(name, array, axes)
        named: dict[str, NDArray[Any]] = {
            f"keypoints of {camera!r}": pixels for camera, pixels in self.keypoints.items()
        }
        named |= {} if self.points is None else {"points": self.points}
        for name, places in named.items():
            if places.ndim != 3 or places.shape[1:] != (len(self.keypoint_names), 3):
                count = len(self.keypoint_names)
                raise DataError(f"{name} are {_kind(places)}, not (T, {count}, 3) as named")
        lengths = {name: len(array) for name, array in self._arrays().items()}
        if not lengths or not all(lengths.values()):
            raise DataError("an episode needs at least one frame or observation")
        if len(set(lengths.values())) > 1:
            raise DataError(f"the arrays of an episode must have one length, but are {lengths}")

    @property
    def length(self) -> int:
        """The number T of time steps."""
        return len(next(iter(self._arrays().values())))

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Every array under its key in the file."""
        arrays: dict[str, NDArray[Any]] = {}
        arrays |= {f"obs/{name}{IMAGE_SUFFIX}": images for name, images in self.images.items()}
        arrays |= {f"obs/{name}": vectors for name, vectors in self.observations.items()}
        arrays |= {
            f"truth/{camera}{KEYPOINT_SUFFIX}": pixels for camera, pixels in self.keypoints.items()
        }
        for name in _AXES:
            if (array := getattr(self, name)) is not None:
                arrays[_KEYS.get(name, name)] = array
        return arrays


_AXES = {
    "actions": 2,
    "intended_actions": 2,
    "rewards": 1,
    "dones": 1,
    "points": 3,
}
_KEYS = {"points": "truth/points"}


class Header(TypedDict):
    """What an episode file holds, without the arrays themselves."""

    length: int
    keys: dict[str, tuple[int, ...]]
    """Shape by key, time first."""
    cameras: tuple[str, ...]
    image_shapes: dict[str, tuple[int, int, int]]
    """(H, W, 3) by camera."""
    keypoint_names: tuple[str, ...]
    factors: dict[str, Any]
    meta: dict[str, Any]


def write(path: str | Path, episode: Episode) -> None:
    """Write an episode losslessly; the same content gives the same bytes.

    The file appears under its name only once it is whole and on the disk.

    Raises:
        DataError: the disk is full or the folder is read-only, or `meta` is no JSON or too long.
    """
    path = Path(path)
    # Built in memory (compressed, so far smaller than the frames that are there already): a full
    # disk is then an ordinary error, where HDF5 would fail while closing.
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["num_samples"] = episode.length
        file.attrs["keypoint_names"] = _text("keypoint_names", episode.keypoint_names)
        file.attrs["factors"] = _text("factors", episode.factors)
        file.attrs["meta"] = _text("meta", episode.meta)
        for key, array in sorted(episode._arrays().items()):
            _store(file, key, array)
        file.flush()
        content = file.id.get_file_image()
    write_atomically(path, content)


def read(path: str | Path, *, cameras: Sequence[str] | None = None) -> Episode:
    """Read an episode, checksums included.

    Args:
        path: the file.
        cameras: whose images to read; all when None, and none (which is fast) when empty.

    Raises:
        DataError: the file is missing, damaged or of an unknown format version, or has no such
            camera.
    """
    with _opened(Path(path)) as file:
        header = _header(file)
        images = {
            camera: _images(file, path, camera)
            for camera in (header["cameras"] if cameras is None else cameras)
        }
        observations = {
            name: file["obs"][name][()]
            for name in file.get("obs", ())
            if not name.endswith(IMAGE_SUFFIX)
        }
        keypoints = {
            name.removesuffix(KEYPOINT_SUFFIX): file["truth"][name][()]
            for name in file.get("truth", ())
            if name.endswith(KEYPOINT_SUFFIX)
        }
        arrays = {name: _KEYS.get(name, name) for name in _AXES}
        return Episode(
            images=images,
            observations=observations,
            keypoints=keypoints,
            keypoint_names=header["keypoint_names"],
            factors=header["factors"],
            meta=header["meta"],
            **{name: file[key][()] for name, key in arrays.items() if key in file},
        )


def read_images(path: str | Path, camera: str) -> NDArray[np.uint8]:
    """Read the frames of one camera, shape (T, H, W, 3), uint8 RGB; errors as in `read`."""
    with _opened(Path(path)) as file:
        return _images(file, path, camera)


def read_header(path: str | Path) -> Header:
    """Read shapes and meta data only, about a millisecond a file; errors as in `read`."""
    with _opened(Path(path)) as file:
        return _header(file)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """An episode file for reading; whatever fails inside becomes a DataError with its name."""
    if not path.is_file():
        raise DataError(f"{path} does not exist")
    try:
        # A listed file is whole and never changes, so no lock is needed (network disks lack them).
        with h5py.File(path, "r", locking=False) as file:
            version = file.attrs.get("format_version")
            if version is None:
                raise DataError(f"{path} is HDF5 but no episode: it has no format_version")
            if version != FORMAT_VERSION:
                raise DataError(
                    f"{path} has format version {version}, this program reads {FORMAT_VERSION}: "
                    "use the version that wrote it, or collect again"
                )
            yield file
    except DataError:
        raise
    except PermissionError as error:
        raise DataError(f"{path} may not be read: check its permissions") from error
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DamagedFileError(
            f"{path} is damaged ({reason}): delete it and run the command that made it again"
        ) from error


def _header(file: h5py.File) -> Header:
    shapes: dict[str, tuple[int, ...]] = {}
    file.visititems(
        lambda key, item: shapes.update({key: item.shape} if isinstance(item, h5py.Dataset) else {})
    )
    image_shapes = {}
    for key, shape in shapes.items():
        if key.startswith("obs/") and key.endswith(IMAGE_SUFFIX):
            _, height, width, channels = shape
            camera = key.removeprefix("obs/").removesuffix(IMAGE_SUFFIX)
            image_shapes[camera] = (height, width, channels)
    return Header(
        length=int(file.attrs["num_samples"]),
        keys=shapes,
        cameras=tuple(image_shapes),
        image_shapes=image_shapes,
        keypoint_names=tuple(json.loads(file.attrs["keypoint_names"])),
        factors=json.loads(file.attrs["factors"]),
        meta=json.loads(file.attrs["meta"]),
    )


def _images(file: h5py.File, path: str | Path, camera: str) -> NDArray[np.uint8]:
    key = f"obs/{camera}{IMAGE_SUFFIX}"
    if key not in file:
        cameras = ", ".join(_header(file)["cameras"]) or "none"
        raise DataError(f"{path} has no camera {camera!r}; available cameras: {cameras}")
    return file[key][()]


def _store(file: h5py.File, key: str, array: NDArray[Any]) -> None:
    """Add one array, with checksums, so that `read` notices every damaged byte."""
    if array.size == 0:  # HDF5 has no empty chunks
        file.create_dataset(key, data=array, track_times=False)
        return
    is_images = key.endswith(IMAGE_SUFFIX)
    chunk = (min(FRAMES_PER_CHUNK, len(array)), *array.shape[1:]) if is_images else array.shape
    file.create_dataset(
        key,
        data=array,
        chunks=chunk,
        compression=_COMPRESSION if is_images else None,
        fletcher32=True,
        track_times=False,  # a time stamp would make equal episodes unequal files
    )


def _text(name: str, value: object) -> str:
    text = to_json(value, what=name)
    if len(text) > ATTRIBUTE_LIMIT:
        raise DataError(f"{name} takes {len(text)} bytes as JSON, at most {ATTRIBUTE_LIMIT} fit")
    return text


def _check_axes(name: str, array: NDArray[Any], axes: int) -> None:
    if array.ndim != axes:
        raise DataError(f"{name} is {_kind(array)} but needs {axes} axes, time first")


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"
