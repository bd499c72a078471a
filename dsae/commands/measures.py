"""Every figure of an encoder on held-out episodes, with the controls beside it, as one record.

A figure that does not apply (an encoder that cannot draw, data without ground truth) is null or
left out.
"""

import math
import time
from typing import Any

import numpy as np
import torch

from dsae.commands.beside import robot_of
from dsae.commands.codes import Codes, Pair, Split, Truth
from dsae.commands.controls import controls
from dsae.coordinates import to_points
from dsae.encoder import ENCODE_CHUNK, Encoder, as_float
from dsae.latent import ACTIVE
from dsae.metrics import points as point_measures
from dsae.metrics import probe, state
from dsae.metrics.disentanglement import disentanglement
from dsae.metrics.reconstruction import fit_background, reconstruction_error
from dsae.metrics.tracking import Tracking, constant_errors, tracked_shares, tracking_errors
from dsae.nn.background import shrink

FOREGROUND_SIDE = 64  # pixels of the shorter side at which coverage tells the foreground
COVERAGE_FRAMES = 500  # held-out frames, evenly spaced, on which coverage is measured
WARM_UPS, TIMED = 5, 50  # images encoded one by one before the time is taken, and while it is

Figures = dict[str, Any]


def measure(encoder: Encoder, split: Split, *, disentangled: bool = False) -> Figures:
    """Return every figure by name; `_px` is pixels of the images, `_mm` millimetres in the world.

    Keys that begin with `untrained_`, `pixels_`, `constant_` or `truth_` are the controls'.
    `disentangled` adds the disentanglement of the code, and of the true state itself, true
    coordinates being the factors.
    """
    encoder.eval()
    height, width, _ = encoder.image_shape
    truth = Truth.of(split)
    codes = {"": Pair.of(encoder, split)}
    if truth:
        others = controls(encoder, split.train)
        codes |= {f"{name}_": Pair.of(control, split) for name, control in others.items()}
    tracked = _tracked(codes, truth) if truth else {}
    figures: Figures = {
        "image": {"height": height, "width": width},
        "held_out_frames": len(split.test.frames),
        "code_size": encoder.feature_size,
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        "encode_ms": encode_ms(encoder, split.test.frames),
        "reconstruction": _reconstruction(encoder, split, codes[""].test),
        "latent": _latent(encoder, split.test.frames, codes[""].test),
        "state": _state(codes, truth, split.test.episode_of),
        "points": _points(codes[""], split, truth),
        "keypoints": _keypoints(codes, truth, tracked, width) if truth else {},
    }
    if truth and "" in tracked:
        blind = [row["constant_px"] for row in figures["keypoints"].values()]
        shares = tracked_shares(tracked[""], blind, height, width)
        figures["points"]["tracked_share"] = shares.tracked
        figures["points"]["tracked_share_sae_rl"] = shares.sae_rl
        figures["points"]["keypoints_counted"] = shares.counted
    if disentangled:
        own, best = _disentanglement(codes[""], truth)
        figures |= {"disentanglement": own, "truth_disentanglement": best}
    return figures


def encode_ms(encoder: Encoder, frames: np.ndarray) -> float:
    """Return the median time of encoding one image, in milliseconds, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    try:
        for index in range(WARM_UPS + TIMED):
            image = frames[index % len(frames)][None]
            begin = time.perf_counter()
            encoder.encode(image).features.cpu()
            times.append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return 1000 * float(np.median(times[WARM_UPS:]))


def _reconstruction(encoder: Encoder, split: Split, test: Codes) -> Figures | None:
    found = reconstruction_error(
        encoder,
        split.test.frames,
        train_images=split.train.frames[split.fitted],
        features=test.features,
        robot=robot_of(split.test, encoder),
    )
    if found is None:
        return None
    return {k: value if math.isfinite(value) else None for k, value in found._asdict().items()}


@torch.no_grad()
def _latent(encoder: Encoder, frames: np.ndarray, test: Codes) -> Figures | None:
    """Return what a posterior's dimensions carry, for an encoder with one (it has `kl`).

    A code that is a function of the image has none, whatever prior it was drawn to.
    """
    divergence = getattr(encoder, "kl", None)
    if divergence is None or getattr(encoder, "deterministic", False):
        return None
    total = 0.0
    for chunk in torch.from_numpy(frames).split(ENCODE_CHUNK):
        images = as_float(chunk.to(encoder.device))
        total = total + divergence(images).double().sum(dim=0).cpu().numpy()
    kl = np.asarray(total / len(frames))
    return {
        "kl": float(kl.sum()),
        "kl_per_dimension": kl.tolist(),
        "active_units": int((test.features.var(axis=0) > ACTIVE).sum()),
    }


def _state(codes: dict[str, Pair], truth: Truth | None, episodes: np.ndarray) -> Figures:
    """Return KNN-MSE, GTC and roughness, of the controls and of the truth itself as well."""
    figures: Figures = {"white_noise_roughness": state.WHITE_NOISE_ROUGHNESS}
    found = {prefix: pair.test.features for prefix, pair in codes.items()}
    if truth:
        true = truth.state
        figures["unit"] = true.unit
        found["truth_"] = true.values
    for prefix, values in found.items():
        rough = state.roughness(values, episodes)
        figures[f"{prefix}roughness"] = state.mean_or_nan(rough)
        if not truth:
            continue
        near = state.knn_mse(values, true.values, episodes)
        figures[f"{prefix}knn_mse"], figures[f"{prefix}knn_mse_other_episodes"] = near
        if prefix == "truth_":
            continue
        correlations = state.ground_truth_correlation(values, true.values, true.visible)
        figures[f"{prefix}gtc_mean"] = state.mean_or_nan(correlations)
        if not prefix:
            figures["gtc"] = dict(zip(true.names, correlations.tolist(), strict=True))
    return figures


def _points(codes: Pair, split: Split, truth: Truth | None) -> Figures | None:
    """Return what the feature points of a spatial encoder are good for; lists are of their numbers.

    A point is dead, or repeats another one, or follows no keypoint (background), or follows one.
    """
    train, test = codes
    if train.points is None or test.points is None:
        return None
    height, width, _ = split.test.frame_shape
    spread = point_measures.spread(test.points, height, width)
    mass = None if test.mass is None else test.mass.mean(axis=0)
    dead = point_measures.dead(test.points, height, width, test.mass, test.uniform)
    preference = spread if mass is None else mass
    repeated = point_measures.duplicates(test.points, preference, ~dead, height, width)
    episodes = split.test.episode_of
    steady = point_measures.temporal_consistency(test.points, episodes, height, width)
    figures: Figures = {
        "count": len(spread),
        "mean_softmax_mass": None if mass is None else mass.tolist(),
        "spread": spread.tolist(),
        "dead": np.flatnonzero(dead).tolist(),
        "duplicate": np.flatnonzero(repeated).tolist(),
        "temporal_consistency": state.mean_or_nan(steady[~dead]),
        **_coverage(test.points, ~dead, split),
    }
    if truth:
        explained = point_measures.explained(
            train.points, truth.train_pixels, test.points, truth.test_pixels, height, width
        )
        single, follows = ~dead & ~repeated, explained >= point_measures.EXPLAINED
        figures["background"] = np.flatnonzero(single & ~follows).tolist()
        figures["following"] = np.flatnonzero(single & follows).tolist()
        places = to_points(truth.test_pixels[..., :2], height, width)
        steady = point_measures.temporal_consistency(places, episodes, height, width)
        figures["truth_temporal_consistency"] = state.mean_or_nan(steady)
    return figures


def _coverage(points: np.ndarray, alive: np.ndarray, split: Split) -> Figures:
    """Return how much of the foreground the living points cover, where the camera stands still."""
    height, width, channels = split.test.frame_shape
    scale = min(1.0, FOREGROUND_SIDE / min(height, width))
    target = (channels, round(height * scale), round(width * scale))
    background = fit_background(split.train.frames, target)
    if not background.explains:
        names = ("coverage", "coverage_by_chance", "coverage_above_chance", "on_foreground")
        return dict.fromkeys(names)
    rows = slice(None, None, -(-len(points) // COVERAGE_FRAMES))
    masks = [
        background.foreground(shrink(as_float(chunk), target))[:, 0].numpy()
        for chunk in torch.from_numpy(split.test.frames[rows]).split(ENCODE_CHUNK)
    ]
    share, area, meetings = point_measures.coverage(points[rows][:, alive], np.concatenate(masks))
    return {
        "coverage": share,
        "coverage_by_chance": area,
        "coverage_above_chance": share - area,
        "on_foreground": state.mean_or_nan(meetings),
    }


def _tracked(codes: dict[str, Pair], truth: Truth) -> dict[str, list[Tracking]]:
    """Return how each keypoint is tracked, by every encoder with points."""
    return {
        prefix: tracking_errors(
            train.points, truth.train_pixels, test.points, truth.test_pixels
        )
        for prefix, (train, test) in codes.items()
        if train.points is not None and test.points is not None
    }  # fmt: skip


def _keypoints(
    codes: dict[str, Pair], truth: Truth, tracked: dict[str, list[Tracking]], width: int
) -> dict[str, Figures]:
    """Return each keypoint's errors."""
    rows: dict[str, Figures] = {name: {} for name in truth.names}

    def enter(key: str, values: list[Any]) -> None:
        for row, value in zip(rows.values(), values, strict=True):
            row[key] = value

    for prefix, found in tracked.items():
        enter(f"{prefix}tracking_px", [result.error for result in found])
    if "" in tracked:
        shares = [100 * result.error / width for result in tracked[""]]
        enter("tracking_percent_of_width", shares)
        enter("point", [result.point for result in tracked[""]])
    own = truth.halves(codes[""])
    predicted = {"probe": probe.linear(own), "mlp_probe": probe.mlp(own)}
    for prefix, pair in codes.items():
        if prefix:
            predicted[f"{prefix}probe"] = probe.linear(truth.halves(pair))
    for unit, columns in truth.columns.items():
        for name, places in predicted.items():
            enter(f"{name}_{unit}", probe.distances(places, own, columns))
        columns = [*columns, -1]
        constant = constant_errors(
            own.train_keypoints[..., columns], own.test_keypoints[..., columns]
        )
        enter(f"constant_{unit}", constant)
    return rows


def _disentanglement(codes: Pair, truth: Truth | None) -> tuple[Figures | None, Figures | None]:
    """Return every score of the code and of the true state, the coordinates being the factors.

    What is learned is learned from training episodes and scored on held-out ones; what learns
    nothing counts over both. None without ground truth, or where nothing varies.
    """
    if truth is None or not truth.state.names:
        return None, None
    true = truth.state
    factors = np.concatenate([true.train_values, true.values])
    own = np.concatenate([codes.train.features, codes.test.features])
    fitted = np.arange(len(factors)) < len(true.train_values)
    found, best = (disentanglement(values, factors, fitted=fitted) for values in (own, factors))
    return found, best
