"""What a person may import: finding the clips in files and folders."""

from pathlib import Path

from data import arrays, images, video
from data.clips import Clip
from data.errors import DataError


def clips_of(source: Path, fps: float | None) -> list[Clip]:
    """Find out what `source` is, and return its clips; frames are read later.

    Args:
        source: a video, a folder of videos, of images or of folders of images, or an .npz.
        fps: frames per second to keep of a video, or at which the others were recorded.

    Raises:
        DataError: there is no such file, or it is of an unknown kind, damaged or empty.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist")
    suffix = source.suffix.lower()
    if source.is_dir():
        return _clips_of_folder(source, fps)
    if suffix in video.SUFFIXES:
        return [video.video_clip(source, fps)]
    if suffix == ".npz":
        return arrays.array_clips(source, fps)
    raise DataError(
        f"{source} is of no known kind; known are {', '.join(video.SUFFIXES)}, .npz and folders "
        f"of videos or of images ({', '.join(images.SUFFIXES)})"
    )


def _clips_of_folder(folder: Path, fps: float | None) -> list[Clip]:
    visible = sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")),
        key=images.natural_order,
    )
    videos = [path for path in visible if path.suffix.lower() in video.SUFFIXES]
    loose = images.image_paths(folder)
    folders = {path: images.image_paths(path) for path in visible if path.is_dir()}
    folders = {path: found for path, found in folders.items() if found}
    kinds = {"videos": videos, "images": loose, "folders of images": folders}
    present = [kind for kind, found in kinds.items() if found]
    if len(present) > 1:
        raise DataError(f"{folder} holds {' and '.join(present)}: import them one by one")
    if videos:
        return [video.video_clip(path, fps) for path in videos]
    if loose:
        return [images.image_clip(folder, loose, fps)]
    if folders:
        return [images.image_clip(path, found, fps) for path, found in folders.items()]
    raise DataError(
        f"{folder} holds no videos ({', '.join(video.SUFFIXES)}) and no images "
        f"({', '.join(images.SUFFIXES)})"
    )
