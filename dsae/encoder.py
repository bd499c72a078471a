"""The one interface behind which every encoder stands."""

import itertools
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import nn

from dsae.errors import EncoderError
from dsae.nn.background import BACKGROUND_IMAGES, shrink
from dsae.nn.spatial_softmax import Grid

ImageShape = tuple[int, int, int]
"""(H, W, C) of the images that an encoder takes."""

ENCODE_CHUNK = 256  # images that pass through the network at once when encoding a long video


class Batch(NamedTuple):
    """What an encoder learns from at one step."""

    images: torch.Tensor
    """Windows of consecutive frames, uint8 of shape (B, L, H, W, C); L = 1 for single frames."""
    robot: torch.Tensor | None = None
    """The robot's own state beside each frame, float of shape (B, L, D)."""
    truth: torch.Tensor | None = None
    """Ground truth beside each frame, float of shape (B, L, T); for supervised encoders alone."""
    data_size: int = 0
    """Number of frames in the whole data set."""
    progress: float = 0.0
    """Share of the training that is done, in [0, 1); for terms that come in by and by."""


class Data(NamedTuple):
    """All training frames of a data set, in order, with what was recorded beside them."""

    images: np.ndarray
    """uint8 (N, H, W, C), perhaps on disk."""
    robot: np.ndarray | None = None
    """The robot's own state, float (N, D)."""
    truth: np.ndarray | None = None
    """Ground truth, float (N, T)."""

    def some_images(self, count: int) -> torch.Tensor:
        """Return at most `count` images from all over the data, uint8 (n, H, W, C)."""
        spread = slice(None, None, -(-len(self.images) // count))
        return torch.from_numpy(np.array(self.images[spread]))

    def small_images(self, size: tuple[int, int, int]) -> torch.Tensor:
        """Return the images that a background is taken of, float (n, *size), size = (c, h, w)."""
        return shrink(as_float(self.some_images(BACKGROUND_IMAGES)), size)


class Encoding(NamedTuple):
    """What an encoder makes of B images."""

    features: torch.Tensor
    """The code, float of shape (B, D)."""
    points: torch.Tensor | None = None
    """Feature points of a spatial encoder, (B, K, 2), (x, y) as in `dsae.coordinates`."""
    maps: torch.Tensor | None = None
    """Its softmax maps, (B, K, h, w), each summing to one."""


class Encoder(nn.Module, ABC):
    """Turns images into features; built from its file's `Config` and the shape of the images.

    A subclass gives `feature_size`, `features_of` and `loss`; one whose update is more than a
    gradient step on a loss (adversarial training) also replaces `optimizers` and `update`. One
    that is ready after `prepare` (PCA, raw pixels) says so with `learns`.
    """

    learns: ClassVar[bool] = True
    """Whether training takes steps."""
    control: ClassVar[Literal["", "floor", "ceiling"]] = ""
    """For one that is no contestant: what an honest comparison shows it as."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """What must be recorded beside the frames: `robot`, `truth` or both (see `Batch`).

    Each is given to the constructor with its length, as `robot_size` or `truth_size`.
    """

    def __init__(self, config: Any, image_shape: ImageShape, **sizes: int) -> None:
        super().__init__()
        self.config = config
        self.image_shape = image_shape
        self.sizes = {name.removesuffix("_size"): size for name, size in sizes.items()}

    @property
    @abstractmethod
    def feature_size(self) -> int:
        """D, the length of the code."""

    @abstractmethod
    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images in [0, 1], shape (B, C, H, W), differentiably."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the loss as `loss` and, for the log, its terms under their names (all scalars).

        `generator` draws on the CPU, for the same numbers on every device.
        """

    @property
    def point_grid(self) -> Grid:
        """Where the cells of a spatial encoder's maps lie in the image."""
        raise NotImplementedError(f"{type(self).__module__} has no feature points")

    @property
    def device(self) -> torch.device:
        """Where the encoder's numbers are."""
        weights = itertools.chain(self.parameters(), self.buffers())
        return next((value.device for value in weights), torch.device("cpu"))

    def prepare(self, data: Data) -> None:
        """Take statistics (or a closed form) from all training data, before the first step."""

    def optimizers(self, learning_rate: float) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers by name; training scales their rates and saves their states."""
        return {"main": torch.optim.Adam(self.parameters(), learning_rate)}

    def update(
        self,
        batch: Batch,
        optimizers: dict[str, torch.optim.Optimizer],
        generator: torch.Generator,
    ) -> dict[str, torch.Tensor]:
        """Take one training step and return its terms."""
        terms = self.loss(batch, generator)
        optimizers["main"].zero_grad(set_to_none=True)
        terms["loss"].backward()
        optimizers["main"].step()
        return {name: value.detach() for name, value in terms.items()}

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Return float images, (B, C, h, w), drawn from features (B, D), if it can draw.

        `robot` (B, R) is the robot's state, for an encoder whose drawing depends on it.
        """
        raise NotImplementedError(f"{type(self).__module__} has no decoder")

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return float images, (count, C, h, w), drawn from a prior, if it has one."""
        raise NotImplementedError(f"{type(self).__module__} has no prior to sample from")

    @torch.no_grad()
    def encode(self, images: np.ndarray | torch.Tensor) -> Encoding:
        """Encode uint8 images of shape (B, H, W, C), for use: no gradients, statistics frozen.

        Raises EncoderError if the images are not of the shape that the encoder was built for.
        """
        images = torch.as_tensor(images)
        if tuple(images.shape[1:]) != self.image_shape or images.dtype != torch.uint8:
            expected = "×".join(map(str, self.image_shape))
            raise EncoderError(
                f"the encoder takes uint8 images (B, H, W, C) of {expected}, "
                f"got {str(images.dtype).removeprefix('torch.')} of shape {tuple(images.shape)}"
            )
        training = self.training
        if training:  # setting the mode takes a tenth of the time of a single image
            self.eval()
        try:
            chunks = images.split(ENCODE_CHUNK)
            parts = [self.features_of(as_float(chunk.to(self.device))) for chunk in chunks]
        finally:
            if training:
                self.train()
        features, points, maps = zip(*parts, strict=True)
        return Encoding(torch.cat(features), _join(points), _join(maps))


def as_float(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 images (..., H, W, C) as floats in [0, 1] of shape (..., C, H, W)."""
    return images.movedim(-1, -3).float() / 255


def _join(parts: tuple[torch.Tensor | None, ...]) -> torch.Tensor | None:
    tensors = [part for part in parts if part is not None]
    return torch.cat(tensors) if tensors else None
