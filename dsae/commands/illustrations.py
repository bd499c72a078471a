"""Pictures of what one trained encoder sees and draws, for the page of a comparison."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dsae import checkpoint, overlay, pictures
from dsae.commands.evaluate import EVALUATION_FILE
from dsae.commands.footage import Footage, Place, Shots
from dsae.commands.overlay import followed
from dsae.encoder import Encoder
from dsae.errors import EncoderError
from dsae.sheet import arranged, sheet
from dsae.state.presence import softmax_mass

FRAMES = 8  # held-out ones that are drawn again
OVERLAYS = 4  # of one held-out episode, with points
SAMPLES = 16
MOVED, STEPS = 5, 9  # numbers of the code that are moved, and the pictures of each
MANIFOLD = 7  # pictures along each side


class Picture(NamedTuple):
    """One picture and what it shows."""

    title: str
    text: str
    image: np.ndarray
    """uint8 (H, W, 3)."""


def illustrate(run_folder: Path, seed: int) -> Iterator[Picture]:
    """Yield what a trained encoder can show; what it cannot do (draw, sample) is left out."""
    encoder = checkpoint.load(run_folder)
    footage = Footage(run_folder, None, encoder)
    makers: list[Callable[[], Picture | None]] = [
        lambda: _points(encoder, footage, run_folder),
        lambda: _reconstructions(encoder, footage),
        lambda: _samples(encoder, footage, seed),
        lambda: _traversal(encoder, footage),
        lambda: _manifold(encoder, footage),
    ]
    for make in makers:
        try:
            picture = make()
        except EncoderError:  # it has no decoder, or no prior
            continue
        if picture:
            yield picture


def _points(encoder: Encoder, footage: Footage, run_folder: Path) -> Picture | None:
    """Draw the points on some frames of the first held-out episode, each with its trail."""
    frames = footage.dataset.read(footage.held_out[0], cameras=[footage.camera])
    images = frames.images[footage.camera]
    encoding = encoder.encode(images)
    if encoding.points is None or encoding.maps is None:
        return None
    mass = softmax_mass(encoding.points, encoding.maps, encoder.point_grid)
    labels = followed(run_folder / EVALUATION_FILE)
    drawn = overlay.draw_points(
        images, encoding.points.cpu().numpy(), mass.cpu().numpy(), labels=labels
    )
    chosen = np.linspace(0, len(drawn) - 1, OVERLAYS + 1).round().astype(int)[1:]
    names = ", ".join(sorted(labels.values()))
    named = f"Named where it follows: {names}." if names else "None follows a keypoint closely."
    text = f"A held-out episode, each point with its trail. {named}"
    return Picture("Feature points", text, overlay.grid(drawn[chosen], OVERLAYS))


def _reconstructions(encoder: Encoder, footage: Footage) -> Picture:
    shots = _held_out(footage)
    drawn = pictures.reconstructions(encoder, shots.images, shots.robot)
    text = "Held-out frames above, what the decoder draws from their codes below."
    return Picture("Reconstructions", text, sheet(drawn))


def _samples(encoder: Encoder, footage: Footage, seed: int) -> Picture:
    robot, text = None, "What the decoder draws from codes of the prior."
    if "robot" in encoder.needs:
        robot = footage.survey().some(SAMPLES).robot
        text += " Each with the robot as in some frame."
    drawn = pictures.samples(encoder, SAMPLES, seed, robot)
    return Picture("Samples from the prior", text, sheet(arranged(drawn, FRAMES)))


def _traversal(encoder: Encoder, footage: Footage) -> Picture | None:
    """Move the numbers that carry most, in one frame's code."""
    shots = footage.at(footage.place(None, None))
    encoding = encoder.encode(shots.images)
    if encoding.points is not None:
        return None  # its overlay says more
    found = pictures.dimensions(encoder, footage.survey().images)[:MOVED]
    values = np.stack([np.linspace(one.low, one.high, STEPS) for one in found])
    drawn = pictures.traversal(
        encoder, encoding.features[0], [one.number for one in found], values, shots.robot
    )
    rows = [f"{one.name}\n{one.importance:.2g} {one.unit}" for one in found]
    text = (
        "The numbers of the code that carry most, a row each, moved one at a time from left to "
        f"right over {pictures.SPANS[found[0].span]}; from the code of a held-out frame."
    )
    return Picture("Traversals", text, sheet(drawn, rows))


def _manifold(encoder: Encoder, footage: Footage) -> Picture | None:
    """Move the two numbers that carry most at the same time."""
    survey = footage.survey()
    encoding = encoder.encode(survey.images)
    if encoding.points is not None or encoder.feature_size < 2:
        return None
    across, down = pictures.dimensions(encoder, survey.images)[:2]
    robot = footage.at(footage.place(None, None)).robot
    drawn = pictures.manifold(
        encoder, encoding.features, MANIFOLD, (across.number, down.number), robot
    )
    others = ", the others staying at their mean" if encoder.feature_size > 2 else ""
    text = (
        f"{across.name} grows to the right and {down.name} downwards over the central 95 % of "
        f"their values{others}."
    )
    return Picture("A 2-D manifold", text, sheet(drawn))


def _held_out(footage: Footage) -> Shots:
    """Return frames from all over the held-out episodes."""
    episodes = np.array(footage.held_out)
    chosen = episodes[np.linspace(0, len(episodes) - 1, FRAMES).round().astype(int)]
    shares = np.linspace(0.15, 0.85, FRAMES)
    shots = []
    for episode, share in zip(chosen.tolist(), shares.tolist(), strict=True):
        frame = int(share * footage.dataset.lengths[episode])
        shots.append(footage.at(Place(episode, frame)))
    robots = [shot.robot for shot in shots if shot.robot is not None]
    return Shots(
        np.concatenate([shot.images for shot in shots]), torch.cat(robots) if robots else None
    )
