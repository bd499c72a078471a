"""Weights move from one encoder to another, and that helps where labels are few."""

import numpy as np
import pytest
import torch
from blobs import Film, film

from dsae import encoders, training
from dsae.encoder import Encoder
from dsae.errors import EncoderError
from dsae.filters import first_layer_filters
from dsae.transfer import initialise

SHAPE = (32, 40, 3)


def new(name: str, seed: int = 0, shape: tuple[int, int, int] = SHAPE, **settings: object):  # type: ignore[no-untyped-def]
    sizes = {"truth": 2, "robot": 3}
    return encoders.create(name, shape, seed=seed, settings=settings, sizes=sizes)


def changed(before: dict[str, torch.Tensor], encoder: Encoder) -> set[str]:
    return {name for name, v in encoder.state_dict().items() if not torch.equal(before[name], v)}


def copy_of(encoder: Encoder) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in encoder.state_dict().items()}


def shaken(encoder: Encoder) -> Encoder:
    """Return the encoder with every number changed, statistics of batches included."""
    changed = {name: value + 1 for name, value in encoder.state_dict().items()}
    encoder.load_state_dict(changed)
    return encoder


@pytest.mark.parametrize(
    ("source", "settings", "target", "network", "layers"),
    [
        ("dsae", {}, "supervised", "spatial", {"trunk", "softmax"}),
        ("keynet", {}, "supervised", "spatial", {"trunk", "softmax"}),
        ("dsae", {}, "random", "spatial", {"trunk", "softmax"}),
        ("vae", {}, "supervised", "conv", {"to_code.trunk"}),
        ("autoencoder", {"code": 2}, "supervised", "conv", {"to_code.trunk"}),
        ("autoencoder", {"network": "dense"}, "supervised", "dense", {"to_code.head.0"}),
    ],
)
def test_layers_from_the_image_on_are_copied_and_nothing_else(
    source: str, settings: dict, target: str, network: str, layers: set[str]
) -> None:
    learned, fresh = shaken(new(source, seed=1, **settings)), new(target, network=network)
    before = copy_of(fresh)
    copied = initialise(fresh, learned)
    assert set(copied) == changed(before, fresh)
    assert copied == tuple(
        name for name in before if any(name.startswith(f"{layer}.") for layer in layers)
    )
    theirs, ours = learned.state_dict(), fresh.state_dict()
    assert all(torch.equal(theirs[name], ours[name]) for name in copied)


def test_one_family_gives_its_whole_network_but_no_decoder() -> None:
    learned, fresh = shaken(new("autoencoder", seed=1)), new("autoencoder")
    copied = initialise(fresh, learned)
    assert set(copied) == {name for name in fresh.state_dict() if name.startswith("to_code.")}


def test_copying_ends_at_the_first_layer_that_does_not_fit() -> None:
    fresh = new("supervised", network="spatial", points=16)
    copied = initialise(fresh, shaken(new("dsae", points=8)))
    assert {name.rsplit(".", 1)[0] for name in copied} == {
        f"trunk.layers.{index}" for index in (0, 1, 3, 4, 6, 7)
    }  # neither the maps (layer 9) nor, behind them, the temperature


@pytest.mark.parametrize(
    ("source", "target", "network", "message"),
    [
        ("pca", "supervised", "conv", "no layer of 'pca' fits 'supervised': the first layer of one "
         "is missing"),
        ("dsae", "supervised", "conv", r"one is trunk.layers.0.weight of 16×3×5×5, that of the "
         r"other to_code.trunk.0.weight of 16×3×5×5"),
    ],
)  # fmt: skip
def test_where_nothing_fits_it_says_what_there_is(
    source: str, target: str, network: str, message: str
) -> None:
    fresh = new(target, network=network)
    before = copy_of(fresh)
    with pytest.raises(EncoderError, match=message) as caught:
        initialise(fresh, new(source))
    assert "\n" not in str(caught.value)
    assert not changed(before, fresh)


def test_grey_does_not_fit_colour() -> None:
    with pytest.raises(EncoderError, match=r"16×1×5×5.*16×3×5×5"):
        initialise(new("dsae"), new("dsae", shape=(32, 40, 1)))


# --- The textbook use: few labels, many images.


def few(made: Film, windows: int) -> Film:
    """Return so many windows of a film, spread over it, and nothing else."""
    chosen = np.linspace(0, len(made) - 1, windows).astype(int)
    numbers = made.frame_numbers(chosen).ravel()
    return Film(made.frames[numbers], made.keypoints[numbers], np.arange(0, 3 * windows, 3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "network", "steps", "discs"),
    [("dsae", "spatial", 1000, 2), ("autoencoder", "conv", 600, 1)],
)
def test_learning_without_labels_first_helps_where_they_are_few(
    source: str, network: str, steps: int, discs: int
) -> None:
    unlabelled = film(SHAPE, episodes=60, discs=discs, seed=1)
    labelled = few(film(SHAPE, episodes=200, length=6, discs=discs, seed=2), 10)
    test = film(SHAPE, episodes=20, discs=discs, seed=3)
    learned = encoders.create(source, SHAPE, seed=0)
    pretraining = training.Config(steps=steps, batch=8, learning_rate=3e-3, seed=0)
    training.fit(learned, unlabelled, pretraining)
    assert len(labelled.frames) == 30
    for seed in range(3):
        errors = []
        for begun in (True, False):
            encoder = encoders.create(
                "supervised",
                SHAPE,
                seed=seed,
                settings={"network": network},
                sizes={"truth": 2 * discs},
            )
            if begun:
                initialise(encoder, learned)
            config = training.Config(steps=100, batch=8, seed=seed)
            training.fit(encoder, labelled, config, truth=labelled.truth)
            predicted = encoder.truth_of(encoder.encode(test.frames).features).numpy()
            distances = np.linalg.norm((predicted - test.truth).reshape(-1, 2), axis=1)
            errors.append(distances.mean())
        assert errors[0] < 0.85 * errors[1], (seed, errors)


# --- Filters.


@pytest.mark.parametrize(
    ("name", "settings", "shape"),
    [
        ("dsae", {}, (16, 3, 5, 5)),
        ("dsae:finn2016", {}, (64, 3, 7, 7)),
        ("vae", {}, (16, 3, 5, 5)),
        ("keynet", {}, (16, 3, 5, 5)),
        ("random", {}, (16, 3, 5, 5)),
        ("autoencoder:textbook", {}, (128, 3, 32, 40)),
        ("autoencoder:linear", {}, (32, 3, 16, 20)),
        ("supervised", {"network": "dense"}, (256, 3, 16, 20)),
        ("pca", {"code": 4}, (4, 3, 32, 40)),
        ("ica", {"code": 4}, (4, 3, 32, 40)),
    ],
)
def test_filters_are_pictures_of_the_first_layer(
    name: str, settings: dict, shape: tuple[int, ...]
) -> None:
    encoder = new(name, **settings)
    encoder.prepare(film(SHAPE).data)
    filters = first_layer_filters(encoder)
    assert filters.shape == shape
    assert not filters.requires_grad
    filters.zero_()  # a copy
    assert first_layer_filters(encoder).abs().sum() > 0


def test_a_dense_unit_responds_most_to_its_own_filter() -> None:
    encoder = new("supervised", network="dense", scale=1)
    filters = first_layer_filters(encoder)
    filters /= filters.flatten(1).norm(dim=1)[:, None, None, None]
    response = encoder.to_code.head[0](filters.flatten(1)) - encoder.to_code.head[0].bias
    assert torch.equal(response.argmax(dim=0), torch.arange(len(filters)))


def test_an_encoder_without_filters_says_so() -> None:
    with pytest.raises(EncoderError, match="'pixels' has no layer of filters"):
        first_layer_filters(new("pixels"))
