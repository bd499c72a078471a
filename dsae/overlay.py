"""Feature points drawn on the frames that they come from: a person sees what they follow."""

import colorsys
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from dsae import marks
from dsae.checkpoint import write_atomically
from dsae.coordinates import to_pixels
from dsae.errors import DsaeError

SIDE = 384  # pixels of the shorter side of what is drawn on, at least
TRAIL = 12  # frames that a point's trail reaches back
GAP = 4  # pixels between the pictures of a grid
FAINT = 0.15  # opacity of a point whose softmax map is spread all over the image
LABEL_FONT = (cv2.FONT_HERSHEY_SIMPLEX, 0.45)
SUFFIXES = (".mp4", ".gif", ".png")


def colours(count: int) -> list[tuple[int, int, int]]:
    """Return `count` RGB colours, each well apart from its neighbours in the list."""
    golden = 0.618033988749895
    hues = [(0.02 + i * golden) % 1.0 for i in range(count)]
    return [
        tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.75 - 0.3 * (i % 2), 1.0))  # type: ignore[misc]
        for i, hue in enumerate(hues)
    ]


def draw_points(
    frames: np.ndarray,
    points: np.ndarray,
    mass: np.ndarray,
    *,
    labels: dict[int, str] | None = None,
    trail: int = TRAIL,
) -> np.ndarray:
    """Draw points on an enlarged copy of an episode's frames.

    Frames are uint8 (T, H, W, 3), points (T, K, 2) in [−1, 1], mass (T, K) in [0, 1] is the softmax
    mass around each point: a point fades with it. Labelled points are drawn larger, with their
    name. Returns uint8 (T, h, w, 3) with even sides, as video encoders want them.
    """
    labels = labels or {}
    canvas = enlarge(frames)
    height, width = frames.shape[1:3]
    places = on_canvas(points, height, width)  # (T, K, 2)
    palette = colours(points.shape[1])
    order = sorted(range(points.shape[1]), key=lambda k: k in labels)  # labelled ones on top
    for t in range(len(canvas)):
        for k in order:
            past = places[max(0, t - trail) : t + 1, k]
            opacity = FAINT + (1 - FAINT) * float(np.clip(mass[t, k], 0, 1))
            _draw_point(canvas[t], past, palette[k], opacity, labels.get(k))
    return canvas


def draw_maps(frames: np.ndarray, maps: np.ndarray, columns: int = 4) -> np.ndarray:
    """Draw each softmax map, (T, K, h, w), as heat over its frame, all K tiled in a grid."""
    frames = enlarge(frames, SIDE // 2)
    height, width = frames.shape[1:3]
    pictures = []
    for frame, softmaxes in zip(frames, maps, strict=True):
        tiles = []
        for softmax in softmaxes:
            heat: Any = (255 * softmax / max(float(softmax.max()), 1e-12)).astype(np.uint8)
            heat = cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR)
            heat = cv2.cvtColor(cv2.applyColorMap(heat, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
            tiles.append(cv2.addWeighted(frame, 0.35, heat, 0.65, 0))
        pictures.append(grid(np.stack(tiles), columns))
    return np.stack(pictures)


def enlarge(frames: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return frames (T, H, W, 3) enlarged by a whole factor until the shorter side has `side`."""
    height, width = frames.shape[1:3]
    factor = _factor(height, width, side)
    large = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    even = [size - size % 2 for size in large.shape[1:3]]
    return np.ascontiguousarray(large[:, : even[0], : even[1]])


def on_canvas(points: np.ndarray, height: int, width: int, side: int = SIDE) -> np.ndarray:
    """Return points (..., 2) in [−1, 1] of H × W frames as pixels of these enlarged."""
    factor = _factor(height, width, side)
    return to_pixels(points, height * factor, width * factor)


def grid(pictures: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """Return pictures (N, h, w, 3) tiled in rows of `columns`, on white, with even sides."""
    count, height, width, _ = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet_height, sheet_width = rows * (height + gap) + gap, columns * (width + gap) + gap
    sheet = np.full((sheet_height + sheet_height % 2, sheet_width + sheet_width % 2, 3), 255)
    sheet = sheet.astype(np.uint8)
    for index, picture in enumerate(pictures):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def write(path: Path, frames: np.ndarray, *, fps: float) -> None:
    """Write frames, uint8 (T, h, w, 3), as .mp4, .gif, or as .png (a grid of at most 16 frames).

    The file is there whole or not at all. Raises DsaeError for any other ending.
    """
    check_ending(path)
    if path.suffix == ".png":
        chosen = np.linspace(0, len(frames) - 1, min(16, len(frames))).round().astype(int)
        content = png_bytes(grid(frames[chosen], columns=4))
    elif path.suffix == ".mp4":
        content = _mp4_bytes(frames, fps)
    else:
        content = _gif_bytes(frames, fps)
    write_atomically(path, content)


def check_ending(path: Path, endings: tuple[str, ...] = SUFFIXES) -> None:
    """Raise DsaeError for a file name that ends in none of `endings`."""
    if path.suffix not in endings:
        verb = "the endings are" if endings[1:] else "the ending is"
        raise DsaeError(f"cannot write '{path.name}': {verb} {', '.join(endings)}")


def png_bytes(picture: np.ndarray) -> bytes:
    """Return one RGB picture, uint8 (h, w, 3), as the content of a PNG file."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


def _factor(height: int, width: int, side: int) -> int:
    return max(1, -(-side // min(height, width)))


def _draw_point(
    picture: np.ndarray,
    past: np.ndarray,
    colour: tuple[int, int, int],
    opacity: float,
    label: str | None,
) -> None:
    """Blend one point, its trail and its label into a picture, in place."""
    layer = picture.copy()
    cv2.polylines(layer, [marks.fixed(past)], False, colour, 2, cv2.LINE_AA, marks.SHIFT)
    marks.disc(layer, past[-1], colour, 9 if label else 5)
    if label:
        _draw_label(layer, label, (int(past[-1, 0]) + 12, int(past[-1, 1]) - 8))
    cv2.addWeighted(layer, opacity, picture, 1 - opacity, 0, dst=picture)


def _draw_label(picture: np.ndarray, text: str, corner: tuple[int, int]) -> None:
    """Write white on a dark plate that stays inside the picture, its lower left at `corner`."""
    (width, height), drop = cv2.getTextSize(text, *LABEL_FONT, 1)
    x = min(corner[0], picture.shape[1] - width - 4)
    y = max(corner[1], height + 4)
    cv2.rectangle(picture, (x - 3, y - height - 3), (x + width + 3, y + drop), (30, 30, 30), -1)
    cv2.putText(picture, text, (x, y), *LABEL_FONT, (255, 255, 255), 1, cv2.LINE_AA)


def _mp4_bytes(frames: np.ndarray, fps: float) -> bytes:
    rate = Fraction(fps).limit_denominator(1000)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "libx264", rate=rate, options={"crf": "20", "preset": "veryfast"}
        )
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _gif_bytes(frames: np.ndarray, fps: float) -> bytes:
    # Without dithering the flat colours of a rendered scene compress ten times better.
    pictures = [Image.fromarray(frame).quantize(dither=Image.Dither.NONE) for frame in frames]
    buffer, rest, duration = io.BytesIO(), pictures[1:], 1000 / fps
    pictures[0].save(buffer, "GIF", save_all=True, append_images=rest, duration=duration, loop=0)
    return buffer.getvalue()
