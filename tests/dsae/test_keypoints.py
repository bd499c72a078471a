import numpy as np
import pytest
import torch
from blobs import batch, film, noise

from dsae import encoders, training
from dsae.encoder import Data
from dsae.errors import DsaeError
from dsae.keypoints import KeypointEncoder, sources
from dsae.metrics.tracking import constant_errors, tracking_errors

SHAPE = (32, 40, 3)

every_keypoint_encoder = pytest.mark.parametrize("name", ["keynet", "transporter", "minderer"])


def prepared(name: str, frames: np.ndarray, **settings: object) -> KeypointEncoder:
    encoder = encoders.create(name, SHAPE, seed=0, settings=settings)
    assert isinstance(encoder, KeypointEncoder)
    encoder.prepare(Data(frames))
    return encoder


def test_a_source_in_the_window_is_its_end_further_away() -> None:
    assert sources(2, 3, "window").tolist() == [2, 0, 0, 5, 3, 3]
    assert sources(1, 4, "window").tolist() == [3, 3, 0, 0]


def test_a_source_in_the_batch_is_of_the_next_window() -> None:
    assert sources(3, 2, "batch").tolist() == [3, 2, 5, 4, 1, 0]


@pytest.mark.parametrize("pairs", ["window", "batch"])
@pytest.mark.parametrize(("windows", "length"), [(1, 3), (2, 3), (8, 3), (1, 2), (5, 2)])
def test_no_frame_is_its_own_source(pairs: str, windows: int, length: int) -> None:
    found = sources(windows, length, pairs)  # type: ignore[arg-type]
    assert not (found == torch.arange(windows * length)).any()


def test_single_frames_are_paired_across_the_batch() -> None:
    assert sources(3, 1, "batch").tolist() == [1, 2, 0]


@every_keypoint_encoder
def test_a_moving_camera_keeps_pairs_within_their_window(name: str) -> None:
    windows = batch(SHAPE, windows=4)
    still, shaken = prepared(name, film(SHAPE).frames), prepared(name, noise(SHAPE, 50).numpy())
    assert torch.equal(still.sources(windows), sources(4, 3, "batch"))
    assert not shaken.background.explains
    assert torch.equal(shaken.sources(windows), sources(4, 3, "window"))


@every_keypoint_encoder
def test_settings_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(DsaeError, match="points"):
        encoders.create(name, SHAPE, seed=0, settings={"points": 0})
    with pytest.raises(DsaeError, match="sigma"):
        encoders.create(name, SHAPE, seed=0, settings={"sigma": 0.0})


@every_keypoint_encoder
def test_a_feature_point_comes_to_follow_the_disc(name: str) -> None:
    train, test = film(SHAPE, episodes=30, seed=1), film(SHAPE, episodes=10, seed=2)
    encoder = encoders.create(name, SHAPE, seed=0, settings={"points": 4})
    untrained = tracked(encoder, train, test)
    config = training.Config(steps=120, batch=8, learning_rate=5e-3, seed=0)
    training.fit(encoder, train, config)
    (constant,) = constant_errors(train.keypoints, test.keypoints)
    assert constant > 4
    assert untrained > 3
    assert tracked(encoder, train, test) < 1


def tracked(encoder, train, test) -> float:  # type: ignore[no-untyped-def]
    points = [np.asarray(encoder.encode(part.frames).points) for part in (train, test)]
    return tracking_errors(points[0], train.keypoints, points[1], test.keypoints)[0].error
