"""It learns: a disc that nobody labelled is tracked within a pixel."""

import numpy as np
from blobs import film

from dsae import encoders, training
from dsae.metrics.tracking import constant_errors, tracking_errors

SHAPE = (32, 40, 3)


def test_a_feature_point_comes_to_follow_the_disc() -> None:
    train, test = film(SHAPE, episodes=30, seed=1), film(SHAPE, episodes=10, seed=2)
    encoder = encoders.create("dsae", SHAPE, seed=0, settings={"points": 4})
    untrained = tracked(encoder, train, test)
    config = training.Config(steps=250, batch=8, learning_rate=5e-3, seed=0)
    training.fit(encoder, train, config)
    (constant,) = constant_errors(train.keypoints, test.keypoints)
    assert constant > 4
    assert untrained > 1.5
    assert tracked(encoder, train, test) < 0.8


def tracked(encoder, train, test) -> float:  # type: ignore[no-untyped-def]
    points = [np.asarray(encoder.encode(part.frames).points) for part in (train, test)]
    return tracking_errors(points[0], train.keypoints, points[1], test.keypoints)[0].error
