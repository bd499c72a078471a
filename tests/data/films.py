"""Films whose frames tell when they are, in every format that can be imported."""

from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset

HEIGHT, WIDTH = 48, 64


def film(count: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Dark frames whose bright stripe at the top left is 2 pixels longer in each frame."""
    frames = np.full((count, height, width, 3), 30, np.uint8)
    for number, frame in enumerate(frames):
        frame[:16, : 2 * number + 1] = 230
    return frames


def times(frames: NDArray[np.uint8]) -> list[int]:
    """The numbers of film frames, from the lengths of their stripes."""
    return [round((int((frame[8, :, 0] > 128).sum()) - 1) / 2) for frame in frames]


def write_video(path: Path, frames: NDArray[np.uint8], codec: str = "libx264") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=20)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = {"libx264": "yuv444p", "mpeg4": "yuv420p", "gif": "rgb8"}[codec]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_images(folder: Path, frames: NDArray[np.uint8], suffix: str = ".png") -> Path:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"frame{number}{suffix}"), frame[..., ::-1])
    return folder


def images(folder: Path) -> list[NDArray[np.uint8]]:
    dataset = Dataset.open(folder)
    return [dataset.read(number).images["front"] for number in range(len(dataset))]
