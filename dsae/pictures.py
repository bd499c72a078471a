"""What an encoder knows, as pictures: what it draws, what its code holds, its filters.

Pictures are uint8 (…, h, w, 3) at the decoder's size, grey repeated to three channels; `sheet`
makes one labelled picture of many. What an encoder cannot do (no decoder, no prior, no such number
in its code) is an EncoderError.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from dsae.encoder import ENCODE_CHUNK, Encoder, Encoding, as_float
from dsae.encoders import family_of
from dsae.errors import EncoderError
from dsae.filters import first_layer_filters
from dsae.latent import VariationalEncoder
from dsae.nn.background import shrink
from dsae.sheet import sheet as sheet  # offered here as well: what is drawn is to be shown

PRIOR_RANGE = (-3.0, 3.0)  # in standard deviations of the prior N(0, 1)
CENTRAL = (0.025, 0.975)  # quantiles that hold the central 95 % of the data's codes
SPANS = {
    "prior": "-3 to 3 standard deviations of the prior",
    "image": "a point's x or y goes across the image, whose edges are -1 and 1",
    "data": "the central 95 % of its values on the data",
}
"""How far a dimension of the code is moved, by `Dimension.span`."""


class Dimension(NamedTuple):
    """One number of the code: how much it carries and how far it goes."""

    number: int
    name: str
    """`z3`, or `point 1 y` for a number that is a feature point's coordinate."""
    importance: float
    unit: str
    """Of the importance: `nats` (mean KL to the prior) or `sd` (standard deviation on data)."""
    low: float
    high: float
    span: str
    """Where low and high come from: a key of `SPANS`."""


def to_pixels(images: torch.Tensor) -> np.ndarray:
    """Return float images in [0, 1], shape (B, C, h, w), as uint8 (B, h, w, 3), clipped."""
    pixels = (255 * images.detach().cpu().clamp(0, 1)).round().to(torch.uint8).movedim(1, -1)
    return pixels.expand(*pixels.shape[:-1], 3).contiguous().numpy()  # (B, h, w, 1) or (B, h, w, 3)


def drawn(
    encoder: Encoder, codes: torch.Tensor, robot: torch.Tensor | None = None
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Return what is drawn from codes (B, D), (B, h, w, 3), and the decoder's size (C, h, w).

    `robot` (B, R) is the robot's state, for an encoder whose drawing depends on it.
    """
    parts = [
        values.to(encoder.device).split(ENCODE_CHUNK)
        for values in (codes, robot)
        if values is not None
    ]
    with _in_use(encoder, "has no decoder: it cannot draw what its code means"):
        images = [encoder.decode(*part) for part in zip(*parts, strict=True)]
    channels, height, width = images[0].shape[1:]
    return np.concatenate([to_pixels(chunk) for chunk in images]), (channels, height, width)


def reconstructions(
    encoder: Encoder, frames: np.ndarray, robot: torch.Tensor | None = None
) -> np.ndarray:
    """Return frames, uint8 (N, H, W, C), at the decoder's size, and what is drawn of them.

    Shape (2, N, h, w, 3): the frames are grey where the decoder is. `robot` is (N, R).
    """
    below, size = drawn(encoder, encoder.encode(frames).features, robot)
    return np.stack([to_pixels(shrink(as_float(torch.as_tensor(frames)), size)), below])


def samples(
    encoder: Encoder, count: int, seed: int, robot: torch.Tensor | None = None
) -> np.ndarray:
    """Return images of codes from the prior, (count, h, w, 3).

    `robot` (count, R) is the robot's state, for an encoder with the prior N(0, 1) whose drawing
    depends on it.
    """
    generator = torch.Generator().manual_seed(seed)
    standard = isinstance(encoder, VariationalEncoder) and has_standard_prior(encoder)
    if robot is not None and standard:
        codes = torch.randn(count, encoder.feature_size, generator=generator)
        return drawn(encoder, codes, robot)[0]
    with _in_use(encoder, "has no prior: its training does not say which codes are likely"):
        return to_pixels(encoder.sample(count, generator))


def traversal(
    encoder: Encoder,
    features: torch.Tensor,
    dimensions: Sequence[int],
    values: torch.Tensor | np.ndarray,
    robot: torch.Tensor | None = None,
) -> np.ndarray:
    """Return what is drawn while one number of the code moves and the others stay.

    Features (D,), numbers of the dimensions to move, the values (V,) that each takes, or
    (len(dimensions), V) of their own. Returns (len(dimensions), V, h, w, 3).
    """
    check_dimensions(encoder, dimensions)
    steps = torch.as_tensor(values, dtype=features.dtype, device=features.device)
    steps = steps.expand(len(dimensions), steps.shape[-1])
    codes = features.expand(*steps.shape, -1).clone()  # (dimensions, V, D)
    for row, index in enumerate(dimensions):
        codes[row, :, index] = steps[row]
    pictures, _ = drawn(encoder, codes.flatten(0, 1), _repeated(robot, steps.numel()))
    return pictures.reshape(*steps.shape, *pictures.shape[1:])


def interpolation(
    encoder: Encoder,
    start: torch.Tensor,
    end: torch.Tensor,
    count: int,
    robot: torch.Tensor | None = None,
) -> np.ndarray:
    """Return what is drawn on the straight line from one code (D,) to another, (count, h, w, 3).

    `robot` (2, R) is the robot's state at both ends, which goes along.
    """
    share = torch.linspace(0, 1, count, device=start.device)[:, None]
    states = None
    if robot is not None:
        states = torch.lerp(robot[0], robot[1], share.to(robot))
    return drawn(encoder, torch.lerp(start, end, share), states)[0]


def manifold(
    encoder: Encoder,
    codes: torch.Tensor,
    side: int,
    dimensions: tuple[int, int] | None = None,
    robot: torch.Tensor | None = None,
) -> np.ndarray:
    """Return what is drawn over two numbers of the code, (side, side, h, w, 3).

    The first goes to the right and the second downwards, over the central 95 % of the data's codes
    (N, D); any others stay at their mean. `dimensions` may be left out if the code has two numbers.
    """
    if dimensions is None and encoder.feature_size != 2:
        raise EncoderError(
            f"a manifold shows two numbers of the code, which has {encoder.feature_size}: "
            "say which two"
        )
    across, down = dimensions or (0, 1)
    check_dimensions(encoder, (across, down))
    grid = codes.mean(dim=0).repeat(side, side, 1)
    grid[..., across] = central(codes[:, across], side)
    grid[..., down] = central(codes[:, down], side)[:, None]
    pictures, _ = drawn(encoder, grid.flatten(0, 1), _repeated(robot, side * side))
    return pictures.reshape(side, side, *pictures.shape[1:])


def central(values: torch.Tensor, count: int) -> torch.Tensor:
    """Return `count` evenly spaced numbers over the central 95 % of values (N,)."""
    low, high = values.quantile(torch.tensor(CENTRAL).to(values)).tolist()
    return torch.linspace(low, high, count, device=values.device)


def dimensions(encoder: Encoder, frames: np.ndarray) -> list[Dimension]:
    """Return the numbers of the code, those that carry most first, from frames (N, H, W, C).

    What they carry is their mean KL to the prior N(0, 1); without one, or for codes without noise,
    their standard deviation. They are moved over `PRIOR_RANGE`, a feature point's x or y across
    the image, others over the central 95 % of their values on these frames.
    """
    encoding = encoder.encode(frames)
    codes = encoding.features
    low, high = codes.quantile(torch.tensor(CENTRAL).to(codes), dim=0)
    lows, highs = low.tolist(), high.tolist()
    names = [f"z{index}" for index in range(codes.shape[1])]
    spans, unit, importance = ["data"] * len(names), "sd", codes.std(dim=0, correction=0)
    places = _leading_points(encoding)
    if places:
        grid = encoder.point_grid
        for index in range(places):
            names[index], spans[index] = f"point {index // 2} {'xy'[index % 2]}", "image"
            lows[index] = (grid.left, grid.top)[index % 2]
            highs[index] = (grid.right, grid.bottom)[index % 2]
    elif isinstance(encoder, VariationalEncoder) and has_standard_prior(encoder):
        lows, highs = ([end] * len(names) for end in PRIOR_RANGE)
        spans = ["prior"] * len(names)
        if not encoder.deterministic:
            unit, importance = "nats", mean_kl(encoder, frames)
    found = [
        Dimension(index, name, weight, unit, lows[index], highs[index], spans[index])
        for index, (name, weight) in enumerate(zip(names, importance.tolist(), strict=True))
    ]
    return sorted(found, key=lambda dimension: -dimension.importance)


def has_standard_prior(encoder: VariationalEncoder) -> bool:
    """Whether the prior is N(0, 1): a subclass with another one draws its samples from that."""
    return type(encoder).sample is VariationalEncoder.sample


def mean_kl(encoder: VariationalEncoder, frames: np.ndarray) -> torch.Tensor:
    """Return the mean over frames, uint8 (N, H, W, C), of each dimension's KL in nats, (D,)."""
    chunks = torch.as_tensor(frames).split(ENCODE_CHUNK)
    with _in_use(encoder, "has no prior"):
        kl = [encoder.kl(as_float(chunk.to(encoder.device))) for chunk in chunks]
    return torch.cat(kl).mean(dim=0)


def filters(encoder: Encoder) -> np.ndarray:
    """Return the filters of the first layer, (N, k, k, 3): grey is 0, white and black ±max |w|.

    Each is scaled by its own largest weight, so that weak ones can be seen as well.
    """
    weights = first_layer_filters(encoder).detach()  # (N, C, k, k)
    largest = weights.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-12)
    return to_pixels(0.5 + 0.5 * weights / largest)


def check_dimensions(encoder: Encoder, dimensions: Sequence[int]) -> None:
    """Raise EncoderError for a number that the code does not have."""
    for index in dimensions:
        if not 0 <= index < encoder.feature_size:
            raise EncoderError(
                f"the code has no number {index}: they are 0 to {encoder.feature_size - 1}"
            )


def _leading_points(encoding: Encoding) -> int:
    """Return how many numbers of the code are x₁ y₁ x₂ y₂ …, which stand first.

    Some encoders add others to them, and some have points that are not their code.
    """
    if encoding.points is None:
        return 0
    places = encoding.points.flatten(1)  # (B, 2K)
    count = places.shape[1]
    return count if torch.equal(encoding.features[:, :count], places) else 0


def _repeated(robot: torch.Tensor | None, count: int) -> torch.Tensor | None:
    return None if robot is None else robot.expand(count, -1)


@contextmanager
def _in_use(encoder: Encoder, lack: str) -> Iterator[None]:
    """Without gradients and with frozen statistics; what is not there is an error with `lack`."""
    training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            yield
    except NotImplementedError as error:
        raise EncoderError(f"'{family_of(encoder)}' {lack}") from error
    finally:
        encoder.train(training)
