"""What encoders whose code is a vector share: networks both ways and the pixels' likelihood."""

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from dsae import losses
from dsae.encoder import Batch, Data, Encoder, Encoding, ImageShape, as_float
from dsae.nn.background import Background, shrink
from dsae.nn.corruption import Corruption, corrupt
from dsae.nn.networks import CodeToImage, ImageToCode, Kind
from dsae.ranges import check_ranges

ACTIVE = 0.01  # a unit is active if its mean varies more than this over images (Burda et al. 2016)
LOG_VARIANCE = (-12.0, 8.0)  # bounds that keep exp(log σ²) and its gradient finite


@dataclass(frozen=True, kw_only=True)
class Config:
    """How images become a vector and are drawn from it."""

    code: int = 32
    """Length D of the code z."""
    network: Kind = "conv"
    """Convolutions of stride 2, or fully connected layers alone."""
    hidden: tuple[int, ...] = (256,)
    """Widths of the layers between image (or convolutions) and code; backwards in the decoder."""
    scale: int = 2
    """The image is drawn at 1/scale of its size (and seen at that size by a dense network)."""
    likelihood: Literal["gaussian", "bernoulli"] = "gaussian"
    """p(pixel | z): Gaussian around the drawing, or Bernoulli with the drawing as its chance."""
    noise: float = 0.1
    """Standard deviation of a pixel's channel under a Gaussian p(I | z), in [0, 1]."""
    background: bool = True
    """Add a learned background image, begun at the median of the training images."""
    foreground_weight: float = 0.7
    """w of the foreground-balanced error; 0 is the plain one."""
    corruption: Corruption = "none"
    """Denoising: what is done to the input, while the clean image is to be drawn."""
    corruption_level: float = 0.1
    """Standard deviation of the Gaussian, or share of the pixels that are masked or salted."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            code=(1, math.inf),
            scale=(1, math.inf),
            noise=(1e-6, math.inf),
            foreground_weight=(0, 1),
            corruption_level=(0, 1),
            hidden=(1, math.inf),
        )


class LatentEncoder(Encoder):
    """A network from the image to `outputs`·D numbers, and one from a code to the image.

    `condition` more numbers go into the decoder beside the code.
    """

    config: Any

    def __init__(
        self, config: Config, image_shape: ImageShape, *, condition: int = 0, **sizes: int
    ) -> None:
        super().__init__(config, image_shape, **sizes)
        height, width, channels = image_shape
        image = (channels, height, width)
        self.target = (channels, max(1, height // config.scale), max(1, width // config.scale))
        self.to_code = ImageToCode(
            config.network, image, self.target, config.hidden, self.outputs * config.code
        )
        self.decoder = CodeToImage(
            config.network, config.code + condition, config.hidden, image, self.target
        )
        self.background = Background(*self.target, learned=config.background)

    @property
    def feature_size(self) -> int:
        """D, the length of the code."""
        return self.config.code

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for each dimension of the code."""
        return 1

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W)."""
        return Encoding(self.numbers_of(images))

    def numbers_of(self, images: torch.Tensor) -> torch.Tensor:
        """Return the network's numbers, (B, outputs · D), for float images (B, C, H, W).

        A dense network sees what differs from the median image: the same functions with another
        bias, but whole images, all positive, kill its rectified units.
        """
        if self.config.network == "dense":
            images = shrink(images, self.target) - self.background.median
        return self.to_code(images)

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        """Draw images, shape (B, C, h, w), from codes (B, D)."""
        drawn = self.draw(features)
        return drawn.sigmoid() if self.config.likelihood == "bernoulli" else drawn

    def draw(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the likelihood's parameter, (B, C, h, w): its mean, or for Bernoulli its logit."""
        return self.background(self.decoder(codes))

    def prepare(self, data: Data) -> None:
        """Take the median background of some training images."""
        self.background.fit(data.small_images(self.target).to(self.device))
        if self.config.background and self.config.likelihood == "bernoulli":
            with torch.no_grad():
                self.background.image.copy_(self.background.median.logit(eps=0.02))

    def corrupted(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return what the network sees while it learns."""
        return corrupt(images, self.config.corruption, self.config.corruption_level, generator)

    def pixel_error(self, drawn: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the balanced mean over pixels and channels of squared error or cross-entropy."""
        return self.background.error(
            drawn,
            target,
            self.config.foreground_weight,
            losses.PIXEL_ERRORS[self.config.likelihood],
        )

    def negative_log_likelihood(self, pixel_error: torch.Tensor) -> torch.Tensor:
        """Return −log p(I | z) in nats per image (less a Gaussian's constant) from a mean error.

        Σ error² / 2σ² over pixels and channels of a Gaussian; the summed cross-entropy of a
        Bernoulli.
        """
        scale = 1.0 if self.config.likelihood == "bernoulli" else 2 * self.config.noise**2
        return pixel_error * math.prod(self.target) / scale


class Posterior(NamedTuple):
    """q(z | I) = N(mean, diag exp(log_variance)), each of shape (B, D)."""

    mean: torch.Tensor
    log_variance: torch.Tensor | None
    """None where z is a function of the image: q is then all at the mean."""

    def sample(self, generator: torch.Generator) -> torch.Tensor:
        """Draw z = μ + σ ε, shape (B, D), differentiable in μ and σ."""
        if self.log_variance is None:
            return self.mean
        noise = torch.randn(self.mean.shape, generator=generator).to(self.mean)
        return self.mean + noise * (0.5 * self.log_variance).exp()

    def log_density(self, codes: torch.Tensor) -> torch.Tensor:
        """Return log q(z_d | I) of each dimension of codes, which broadcast with (B, D)."""
        assert self.log_variance is not None, "a code without noise has no density"
        return losses.gaussian_log_density(codes, self.mean, self.log_variance)

    def kl(self) -> torch.Tensor:
        """Return KL(q(z_d | I) ‖ N(0, 1)) of each dimension in nats, (B, D)."""
        assert self.log_variance is not None, "a code without noise has no KL"
        return losses.gaussian_kl(self.mean, self.log_variance)


class VariationalEncoder(LatentEncoder):
    """A LatentEncoder whose code is a Gaussian with prior N(0, 1): what the VAEs share.

        loss = −E_q[log p(I | z)] + regulariser

    A subclass gives its own regulariser, and may shrink the Gaussian to a point (`deterministic`).
    The squared error (or cross-entropy) may be balanced between foreground and background, and a
    learned background image be added to the drawing: both put a VAE on the same footing as the
    spatial autoencoder. With `foreground_weight` 0 and without `background` the loss is the
    published one.
    """

    @property
    def deterministic(self) -> bool:
        """Whether z is a function of the image."""
        return False

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for each dimension of the code."""
        return 1 if self.deterministic else 2

    def posterior(self, images: torch.Tensor) -> Posterior:
        """Return q(z | I) for float images (B, C, H, W)."""
        if self.deterministic:
            return Posterior(self.numbers_of(images), None)
        mean, log_variance = self.numbers_of(images).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCE))

    def features_of(self, images: torch.Tensor) -> Encoding:
        """Encode float images (B, C, H, W) as the means of their posteriors."""
        return Encoding(self.posterior(images).mean)

    def kl(self, images: torch.Tensor) -> torch.Tensor:
        """Return KL(q(z | I) ‖ N(0, 1)) of each dimension in nats, (B, D), for float images."""
        return self.posterior(images).kl()

    def sample(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw images (count, C, h, w) of codes from the prior N(0, 1)."""
        codes = torch.randn(count, self.config.code, generator=generator)
        return self.decode(codes.to(self.device))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return the regularised negative log-likelihood per image, in nats, and its terms."""
        images = as_float(batch.images.flatten(0, 1))
        posterior = self.posterior(self.corrupted(images, generator))
        codes = posterior.sample(generator)
        error = self.pixel_error(
            self.draw(self.conditioned(codes, batch)), shrink(images, self.target)
        )
        nll = self.negative_log_likelihood(error)
        regulariser, terms = self.regulariser(posterior, codes, batch, generator)
        return {
            "loss": nll + regulariser,
            "reconstruction": error,
            "negative_log_likelihood": nll,
            **terms,
            **kl_terms(posterior),
        }

    def regulariser(
        self,
        posterior: Posterior,
        codes: torch.Tensor,
        batch: Batch,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return what is added to the loss, in nats per image, and its terms for the log.

        It is the VAE's KL unless a subclass says otherwise.
        """
        return posterior.kl().sum(dim=1).mean(), {}

    def conditioned(self, codes: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return what the decoder gets: the codes (B·L, D), and whatever else it is told."""
        return codes


def kl_terms(posterior: Posterior) -> dict[str, torch.Tensor]:
    """Return for the log: the number of active units, KL to N(0, 1) and its parts by dimension.

    A deterministic code has no KL.
    """
    active = (posterior.mean.var(dim=0, correction=0) > ACTIVE).sum()
    if posterior.log_variance is None:
        return {"active_units": active}
    kl = posterior.kl().mean(dim=0)  # (D,)
    parts = {f"kl/{index:02}": value for index, value in enumerate(kl)}
    return {"kl": kl.sum(), "active_units": active, **parts}
