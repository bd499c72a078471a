import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch.nn import functional

from dsae.encoder import Batch, Encoder, Encoding, as_float
from dsae.metrics import reconstruction
from dsae.metrics.reconstruction import CHUNK, SSIM_WINDOW, reconstruction_error, ssim_map
from dsae.nn.background import shrink


class MeanColour(Encoder):
    """Keeps an image's mean colour, and draws it at half size."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__(None, (8, 12, 3))
        self.shift = torch.nn.Parameter(torch.tensor(shift))

    @property
    def feature_size(self) -> int:
        return 3

    def features_of(self, images: torch.Tensor) -> Encoding:
        return Encoding(images.mean((2, 3)))

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        return (features + self.shift)[:, :, None, None].expand(-1, -1, 4, 6)


class Silent(MeanColour):
    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        raise NotImplementedError


class Conditional(MeanColour):
    """Draws the colour that it is told."""

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        assert robot is not None
        return super().decode(robot)


class Dimmed(MeanColour):
    """Draws every image as it is but for its brightness."""

    def __init__(self, shape: tuple[int, int, int], gain: float) -> None:
        super().__init__()
        self.image_shape, self.gain = shape, gain
        self.target = shape[2], shape[0], shape[1]

    def features_of(self, images: torch.Tensor) -> Encoding:
        return Encoding(shrink(images, self.target).flatten(1))

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        return self.gain * features.unflatten(1, self.target)


class Small(Dimmed):
    """Draws every image averaged down to a size, in grey if that has one channel."""

    def __init__(self, shape: tuple[int, int, int], target: tuple[int, int, int]) -> None:
        super().__init__(shape, gain=1.0)
        self.target = target


def plain_images(count: int = CHUNK + 10) -> np.ndarray:
    """Images of one colour each, more than are decoded at once."""
    colours = np.random.default_rng(0).integers(0, 200, (count, 1, 1, 3), dtype=np.uint8)
    return np.broadcast_to(colours, (count, 8, 12, 3)).copy()


def scenes(count: int = CHUNK + 10, seed: int = 0) -> np.ndarray:
    """A textured background, 24×32, on which a bright square of 6 pixels jumps about."""
    rng = np.random.default_rng(seed)
    texture = np.random.default_rng(5).integers(20, 120, (24, 32, 3), dtype=np.uint8)
    images = np.broadcast_to(texture, (count, 24, 32, 3)).copy()
    for image in images:
        y, x = rng.integers(0, [18, 26])
        image[y : y + 6, x : x + 6] = (250, 240, 200)
    return images


def test_a_perfect_drawing_has_no_error_and_the_mean_image_has_the_variance() -> None:
    images = plain_images()
    result = reconstruction_error(MeanColour(), images, train_images=images)
    assert result is not None
    assert result.mse == pytest.approx(0, abs=1e-10)
    assert result.psnr > 100
    variance = (images[:, 0, 0] / 255.0).var(axis=0).mean()
    assert result.mean_image_mse == pytest.approx(variance, rel=1e-4)


def test_a_known_error_is_measured() -> None:
    result = reconstruction_error(
        MeanColour(shift=0.1), plain_images(), train_images=plain_images()
    )
    assert result is not None
    assert result.mse == pytest.approx(0.01, rel=1e-4)
    assert result.psnr == pytest.approx(20, abs=1e-3)


def test_an_encoder_that_cannot_draw_has_none() -> None:
    assert reconstruction_error(Silent(), plain_images(3), train_images=plain_images(3)) is None


def test_the_robots_state_reaches_the_decoder() -> None:
    images = plain_images(20)
    robot = images[:, 0, 0] / 255.0
    result = reconstruction_error(Conditional(), images, train_images=images, robot=robot)
    assert result is not None
    assert result.mse == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_and_psnr_are_those_of_scikit_image(channels: int) -> None:
    rng = np.random.default_rng(1)
    target = rng.uniform(size=(4, channels, 20, 31))
    drawn = np.clip(target + 0.2 * rng.normal(size=target.shape), 0, 1)
    drawn[0] = 0.5  # flat, where a variance cancels
    found = ssim_map(torch.tensor(drawn).float(), torch.tensor(target).float())
    assert found is not None
    for ours, a, b in zip(found, drawn, target, strict=True):
        theirs, full = structural_similarity(a, b, data_range=1, channel_axis=0, full=True)
        assert float(ours.mean()) == pytest.approx(theirs, abs=1e-5)
        np.testing.assert_allclose(ours, full[:, 3:-3, 3:-3], atol=1e-5)

    images = scenes()
    encoder = Dimmed((24, 32, 3), gain=0.8)
    result = reconstruction_error(encoder, images, train_images=images)
    assert result is not None
    truth = as_float(torch.from_numpy(images)).numpy()
    expected = [
        structural_similarity(0.8 * image, image, data_range=1, channel_axis=0) for image in truth
    ]
    assert result.ssim == pytest.approx(np.mean(expected), abs=1e-5)
    assert result.psnr == pytest.approx(
        peak_signal_noise_ratio(truth, 0.8 * truth, data_range=1), abs=1e-4
    )


def test_foreground_is_what_differs_from_the_training_frames_median() -> None:
    images = scenes()
    encoder = Dimmed((24, 32, 3), gain=0.8)
    result = reconstruction_error(encoder, images, train_images=scenes(seed=1))
    assert result is not None
    truth = as_float(torch.from_numpy(images)).numpy().astype(np.float64)
    learned = as_float(torch.from_numpy(scenes(seed=1))).numpy().astype(np.float64)
    median = np.median(learned, axis=0)
    mask = (np.abs(truth - median) > 0.1).any(axis=1)  # (N, h, w)
    assert result.foreground_share == pytest.approx(mask.mean(), rel=1e-3)
    pixels = truth.transpose(0, 2, 3, 1)
    error = ((0.2 * pixels[mask]) ** 2).mean()
    assert result.foreground_mse == pytest.approx(error, rel=1e-4)
    assert result.foreground_mse > 2 * result.mse  # bright things suffer most from a dim drawing
    assert result.foreground_psnr == pytest.approx(-10 * math.log10(error), abs=1e-3)
    blind = learned.mean(axis=0).transpose(1, 2, 0)  # of the training frames
    assert result.mean_image_mse == pytest.approx(((pixels - blind) ** 2).mean(), rel=1e-4)
    assert result.mean_image_foreground_mse == pytest.approx(
        ((pixels - blind)[mask] ** 2).mean(), rel=1e-4
    )
    edge = SSIM_WINDOW // 2
    inner = mask[:, edge:-edge, edge:-edge]
    expected = [
        structural_similarity(0.8 * a, a, data_range=1, channel_axis=0, full=True)[1] for a in truth
    ]
    maps = np.stack(expected)[:, :, edge:-edge, edge:-edge].transpose(0, 2, 3, 1)
    assert result.foreground_ssim == pytest.approx(maps[inner].mean(), abs=1e-5)


def test_every_drawing_is_measured_at_the_frames_own_size_and_colours() -> None:
    images = scenes()
    frames = as_float(torch.from_numpy(images))
    found = []
    for target in ((3, 24, 32), (3, 12, 16), (3, 6, 8), (1, 24, 32), (1, 12, 16)):
        result = reconstruction_error(Small((24, 32, 3), target), images, train_images=images)
        assert result is not None
        drawn = shrink(frames, target)
        if target[1:] != (24, 32):
            drawn = functional.interpolate(drawn, (24, 32), mode="bilinear")
        error = (drawn.double() - frames.double()).square().mean()  # grey in every channel
        assert result.mse == pytest.approx(float(error), rel=1e-5, abs=1e-12)
        found.append(result)
    mses = [result.mse for result in found]
    assert 0 == mses[0] < mses[1] < mses[2]  # what is not drawn is missed
    assert mses[3] > 0
    assert mses[4] > mses[1]
    for result in found:  # of the frames alone, whatever is drawn
        assert result.mean_image_mse == found[0].mean_image_mse
        assert result.mean_image_foreground_mse == found[0].mean_image_foreground_mse
        assert result.foreground_share == found[0].foreground_share


def test_grey_frames_are_drawn_in_grey() -> None:
    images = scenes()[..., :1].copy()
    result = reconstruction_error(Small((24, 32, 1), (1, 12, 16)), images, train_images=images)
    assert result is not None
    assert 0 < result.mse < result.mean_image_mse


def test_what_cannot_be_said_is_not_invented() -> None:
    shaken = np.random.default_rng(0).integers(0, 256, (40, 8, 12, 3), dtype=np.uint8)
    result = reconstruction_error(MeanColour(), shaken, train_images=shaken)
    assert result is not None
    assert np.isfinite(result.ssim)
    assert np.isfinite(result.mse)
    tiny = Dimmed((6, 12, 3), 1.0)  # less than a window
    result = reconstruction_error(tiny, shaken[:, :6], train_images=shaken[:, :6])
    assert result is not None
    assert np.isnan([result.ssim, result.foreground_ssim]).all()
    assert np.isfinite(result.mse)
    noise = np.random.default_rng(0).integers(0, 256, (40, 24, 32, 3), dtype=np.uint8)
    result = reconstruction_error(Dimmed((24, 32, 3), 1.0), noise, train_images=noise)
    assert result is not None
    assert np.isnan([result.foreground_mse, result.foreground_ssim, result.foreground_share]).all()
    assert np.isfinite(result.ssim)
    still = np.broadcast_to(scenes(1), (40, 24, 32, 3)).copy()
    result = reconstruction_error(Dimmed((24, 32, 3), 1.0), still, train_images=still)
    assert result is not None
    assert result.foreground_share == 0
    assert np.isnan(result.foreground_mse)


def test_ssim_of_much_video_is_that_of_evenly_spaced_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, encoder = scenes(), Dimmed((24, 32, 3), gain=0.8)
    few = reconstruction_error(encoder, images[::5], train_images=images)
    monkeypatch.setattr(reconstruction, "SSIM_NUMBERS", len(images) * 3 * 24 * 32 // 5 + 1)
    found = reconstruction_error(encoder, images, train_images=images)
    assert few is not None
    assert found is not None
    assert found.ssim == pytest.approx(few.ssim)
    assert found.foreground_ssim == pytest.approx(few.foreground_ssim)
    assert found.mse != few.mse  # of all images
