import numpy as np
import pytest
import torch
from blobs import Film, film
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from dsae import encoders
from dsae.encoder import Encoder
from dsae.metrics.tracking import constant_errors, tracking_errors
from dsae.nn.discriminants import MARGIN, discriminants, kinds


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_rare_colour_is_a_kind_of_its_own() -> None:
    centres = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.5, 0.5, 0.5]])
    truth = torch.repeat_interleave(torch.arange(4), torch.tensor([5000, 3000, 2000, 100]))
    colours = centres[truth] + 0.02 * torch.randn(len(truth), 3, generator=generator())
    for seed in range(10):
        found = kinds(colours, 8, generator(seed))
        numbers = [set(found[truth == number].tolist()) for number in range(4)]
        assert sum(map(len, numbers)) == len(set.union(*numbers)) <= 8  # none is of two colours


def test_there_are_no_more_kinds_than_colours() -> None:
    found = kinds(torch.tensor([[0.0], [1.0], [0.0], [1.0]]), 16, generator())
    assert found[0] == found[2] != found[1] == found[3]


def test_weights_are_fisher_s_with_the_margin_asked_for() -> None:
    rng = torch.Generator().manual_seed(1)
    mixing = torch.randn(6, 6, generator=rng)
    features = torch.randn(20000, 6, generator=rng) @ mixing + 3
    rows = torch.arange(400)
    features[rows[:200]] += torch.tensor([4.0, 0, 0, 0, 0, 0])
    features[rows[200:]] -= torch.tensor([0, 0, 4.0, 0, 0, 0])
    kind = torch.repeat_interleave(torch.tensor([0, 1]), 200)
    weights = discriminants(features, rows, kind)
    scores = (features - features.mean(dim=0)) @ weights.T
    for number in range(2):
        mine = scores[rows[kind == number], number]
        assert mine.mean() == pytest.approx(MARGIN, rel=1e-4)
        labels = np.zeros(len(features))
        labels[rows[kind == number]] = 1
        fisher = LinearDiscriminantAnalysis(solver="lsqr").fit(features.numpy(), labels).coef_[0]
        mine, theirs = weights[number].numpy(), np.float32(fisher)
        cosine = mine @ theirs / np.linalg.norm(mine) / np.linalg.norm(theirs)
        assert cosine > 0.98  # theirs takes the covariance within classes, ours is shrunk


def tracked(encoder: Encoder, shown: Film) -> list[float]:
    points = np.asarray(encoder.eval().encode(shown.frames).points)
    found = tracking_errors(points, shown.keypoints, points, shown.keypoints)
    return [each.error for each in found]


@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 56, 3), (40, 32, 1)])
def test_points_stand_on_what_moves_before_any_training(shape: tuple[int, int, int]) -> None:
    shown = film(shape, discs=2, episodes=20)
    seen, random = (
        encoders.create("dsae", shape, seed=3, settings={"points": 8, "start": start})
        for start in ("seen", "random")
    )
    for encoder in (seen, random):
        encoder.prepare(shown.data)
    constant = constant_errors(shown.keypoints, shown.keypoints)
    for found, before, guess in zip(
        tracked(seen, shown), tracked(random, shown), constant, strict=True
    ):
        assert found < before / 2
        assert found < guess / 4


def test_the_published_encoder_begins_at_random() -> None:
    encoder = encoders.create("dsae:finn2016", (48, 48, 3), seed=0)
    before = {k: v.clone() for k, v in encoder.trunk.state_dict().items()}
    encoder.prepare(film((48, 48, 3)).data)
    assert all(torch.equal(before[k], v) for k, v in encoder.trunk.state_dict().items())


def test_the_same_seed_begins_alike_and_a_still_video_stays_random() -> None:
    shape = (32, 32, 3)
    one, two = (encoders.create("dsae", shape, seed=5) for _ in range(2))
    for encoder in (one, two):
        encoder.prepare(film(shape).data)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    still = film(shape).data._replace(images=np.repeat(film(shape).frames[:1], 20, axis=0))
    encoder = encoders.create("dsae", shape, seed=5)
    before = encoder.trunk.layers[-1].weight.clone()
    encoder.prepare(still)
    assert torch.equal(before, encoder.trunk.layers[-1].weight)
