import numpy as np
import torch
from blobs import film, noise
from torch.nn import functional

from dsae.encoder import as_float
from dsae.nn.background import MAX_GAIN, MAX_SHARE, THRESHOLD, Background, shrink


def fitted(images: torch.Tensor) -> Background:
    background = Background(*images.shape[1:], learned=True)
    background.fit(images)
    return background


def test_foreground_is_what_moves_before_a_fixed_camera() -> None:
    made = film((32, 48, 3), episodes=12)
    images = as_float(torch.from_numpy(made.frames))
    background = fitted(images)
    assert background.explains
    assert background.share < 0.05
    x, y = made.keypoints[0, 0, :2].round().astype(int)
    mask = background.foreground(images[:1])[0, 0]
    assert mask.shape == (32, 48)
    assert mask[y, x]
    rows, columns = mask.nonzero().float().mean(0)
    assert abs(columns - made.keypoints[0, 0, 0]) < 0.5
    assert abs(rows - made.keypoints[0, 0, 1]) < 0.5
    assert mask.sum() < 40


def test_the_image_begins_as_the_median() -> None:
    images = torch.tensor([0.1, 0.9, 0.2, 0.3, 0.8])[:, None, None, None].expand(5, 3, 4, 6)
    background = fitted(images)
    torch.testing.assert_close(background.image.detach(), torch.full((3, 4, 6), 0.3))


def test_switches_itself_off_for_a_moving_camera() -> None:
    background = fitted(as_float(noise((16, 16, 3), count=50)))
    assert not background.explains
    assert background.share > MAX_SHARE
    assert background.foreground(torch.rand(2, 3, 16, 16)).all()


def test_notices_a_camera_that_stands_elsewhere_in_each_episode() -> None:
    """By up to two pixels of 48; shifted to fit, the median still tells what is foreground."""
    made = film((40, 56, 3), episodes=12)
    scene = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
    scene = functional.interpolate(scene[None], (40, 56), mode="bicubic")[0]
    wide = as_float(torch.from_numpy(made.frames)) / 2 + scene.clamp(0, 1) / 2

    def views(offsets: np.ndarray) -> torch.Tensor:
        corners = (4 + offsets).repeat(20, axis=0)
        parts = [w[:, y : y + 32, x : x + 48] for w, (y, x) in zip(wide, corners, strict=True)]
        return torch.stack(parts)

    still = fitted(views(np.zeros((12, 2), int)))
    assert still.explains
    assert still.gain < 1
    assert still.fault == ""
    moved = np.random.default_rng(0).integers(-2, 3, (12, 2))
    moved[:2] = 0
    images = views(moved)
    shaken = fitted(images)
    assert shaken.gain > MAX_GAIN
    assert shaken.shaken
    assert shaken.explains
    assert "the camera stands elsewhere" in shaken.fault
    blind = (images - images.median(dim=0).values).abs().amax(dim=1) > THRESHOLD
    assert shaken.share < 0.05 < blind.float().mean()
    restored = Background(3, 32, 48, learned=True)
    saved = shaken.state_dict()
    restored.load_state_dict(saved)
    assert restored.shaken
    del saved["gain"]  # as in files of 0.1.0
    restored.load_state_dict(saved)
    assert not restored.shaken


def test_nothing_is_explained_before_it_has_seen_images() -> None:
    assert Background(3, 4, 5, learned=True).foreground(torch.zeros(2, 3, 4, 5)).all()


def test_shrink_averages_and_weighs_the_colours() -> None:
    image = torch.zeros(1, 3, 4, 6)
    image[0, 1, :2, :2] = 1.0  # a green corner
    torch.testing.assert_close(shrink(image, (3, 2, 3))[0, 1, 0, 0], torch.tensor(1.0))
    grey = shrink(image, (1, 2, 3))
    assert grey.shape == (1, 1, 2, 3)
    torch.testing.assert_close(grey[0, 0, 0, 0], torch.tensor(0.587))
    assert grey.sum() == grey[0, 0, 0, 0]
    torch.testing.assert_close(shrink(torch.ones(1, 3, 4, 6), (1, 1, 1)), torch.ones(1, 1, 1, 1))
