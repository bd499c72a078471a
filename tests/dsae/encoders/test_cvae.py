import numpy as np
import pytest
import torch
from blobs import SIZES, Film, batch, film

from dsae import encoders, training
from dsae.encoder import Data, Encoder
from dsae.errors import EncoderError

SHAPE = (32, 32, 3)
TOY = (20, 20, 3)


def prepared(**settings: object) -> Encoder:
    encoder = encoders.create("cvae", SHAPE, seed=0, settings=settings, sizes=SIZES)
    encoder.prepare(film(SHAPE).data)
    return encoder


def test_the_decoder_gets_the_standardised_state() -> None:
    made = film(SHAPE)
    encoder = prepared()
    codes = torch.randn(len(made.frames), encoder.feature_size)
    given = encoder._with_robot(codes, torch.from_numpy(made.robot).float())
    torch.testing.assert_close(given[:, :-3], codes)
    torch.testing.assert_close(given[:, -3:].mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    # The last number never changes; it must not be blown up.
    expected = torch.tensor([1.0, 1.0, 0.0])
    torch.testing.assert_close(given[:, -3:].std(0, correction=0), expected, atol=1e-4, rtol=0)


def test_the_state_changes_the_drawing_and_its_mean_is_the_default() -> None:
    encoder = prepared()
    codes = torch.randn(2, encoder.feature_size)
    mean = torch.from_numpy(film(SHAPE).robot).float().mean(0).expand(2, 3)
    torch.testing.assert_close(encoder.decode(codes), encoder.decode(codes, mean))
    assert not torch.equal(encoder.decode(codes), encoder.decode(codes, mean + 5))


def test_loss_uses_the_state_of_its_own_frame() -> None:
    encoder = prepared(noise=0.3).eval()
    windows = batch(SHAPE)
    assert windows.robot is not None
    seeds = torch.Generator().manual_seed
    terms = encoder.loss(windows, seeds(0))
    shuffled = windows._replace(robot=windows.robot.flip(0))
    assert encoder.loss(shuffled, seeds(0))["reconstruction"] != terms["reconstruction"]
    # The same windows in another order are the same loss only if states go along with them.
    turned = windows._replace(images=windows.images.flip(0), robot=windows.robot.flip(0))
    torch.testing.assert_close(encoder.loss(turned, seeds(0))["kl"], terms["kl"])


def test_images_alone_are_enough_to_encode() -> None:
    encoder = prepared().eval()
    assert encoder.encode(film(SHAPE).frames[:3]).features.shape == (3, encoder.feature_size)


def test_without_the_state_it_says_so() -> None:
    with pytest.raises(EncoderError, match="'cvae' needs the robot's own state"):
        encoders.create("cvae", SHAPE, seed=0)
    encoder = encoders.create("cvae", SHAPE, seed=0, sizes=SIZES)
    with pytest.raises(EncoderError, match="needs the robot's own state beside the images"):
        encoder.prepare(Data(film(SHAPE).frames))
    with pytest.raises(EncoderError, match="needs the robot's own state beside the images"):
        encoder.loss(batch(SHAPE)._replace(robot=None), torch.Generator())


def test_the_code_leaves_out_what_the_robot_feels() -> None:
    """Two discs like one another, the first one's place is given: the code is of the second."""
    train = film(TOY, episodes=40, length=10, discs=2, seed=1)
    test = film(TOY, episodes=20, length=10, discs=2, seed=2)
    centre = train.keypoints[..., :2].mean(axis=0)
    unknown = np.linalg.norm(centre - test.keypoints[..., :2], axis=2).mean(axis=0)
    errors = {}
    for name in ("vae", "cvae"):
        settings = {"code": 8, "beta": 4.0, "hidden": (64,)}
        encoder = encoders.create(name, TOY, seed=0, settings=settings, sizes=SIZES)
        config = training.Config(steps=180, learning_rate=4e-3, seed=0)
        training.fit(encoder, train, config, robot=train.robot)
        errors[name] = neighbour_errors(encoder, train, test)
    assert errors["vae"][0] < 0.8 * unknown[0]
    assert errors["cvae"][0] > 0.9 * unknown[0]
    assert errors["cvae"][1] < 0.3 * unknown[1]
    assert errors["cvae"][1] < errors["vae"][1]


def neighbour_errors(encoder: Encoder, train: Film, test: Film) -> np.ndarray:
    """Return how far each disc is from where it is in the frames of the five nearest codes."""
    known, asked = (encoder.encode(part.frames).features for part in (train, test))
    nearest = torch.cdist(asked, known).topk(5, largest=False).indices.numpy()
    places = train.keypoints[nearest, :, :2].mean(axis=1)
    return np.linalg.norm(places - test.keypoints[..., :2], axis=2).mean(axis=0)
