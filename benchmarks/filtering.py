"""What a Kalman filter makes of an encoder's points on recorded episodes.

    python benchmarks/filtering.py runs/train/push-dsae

For every keypoint that a point tracks: how far from it is the filter after a black-out of ten
frames, and how far is its velocity from the true one? Noise, point and affine map to pixels are
estimated on training episodes, everything is measured on held-out ones. Writes
docs/results/filtering.md.
"""

import argparse
import datetime
import os
import platform
import sys
import time
from pathlib import Path

import numpy as np
import torch
from filtering_errors import BEFORE, FAR, OUT, STEPS, Half, Track, black_out, ratio, velocities

from data.dataset import Dataset, spread
from data.windows import Windows
from dsae import checkpoint
from dsae.commands import runs
from dsae.commands.codes import Codes
from dsae.metrics.tracking import constant_errors, tracking_errors
from dsae.state.kalman import Filter, Noise
from dsae.state.noise import estimate_noise

RESULTS = Path("docs/results/filtering.md")
EPISODES = 40  # for training, from all over the data
TRACKED = 0.5  # of a constant's error: what follows a keypoint at all
STEADY = (0.05, 0.1, 0.2)  # deviation from a constant velocity, as a share of the way
FACTORS = (1 / 16, 1 / 4, 4.0)  # of the acceleration, to see how much it matters
TIMED = 2000  # steps

BLACK_OUTS = f"""\
Error at its end, in pixels, from the true keypoint: of the place where the point was last seen
(held), and of the filter, which saw all frames before. A motion is steady to x % if a constant
velocity, fitted to the true path from {BEFORE} frames before the black-out to its end, deviates
from it by at most x % of the way (root mean square); the way must be at least 1/{1 / FAR:.0f} of
the image's width, as in "moving". Ideal: held over the error of the true place and the true
velocity carried on, the most that a constant velocity allows. Inside: share of the ends at which
the point lay within the filter's own 95 % ellipse. Black-outs begin after every frame; those count
before and at the end of which the keypoint can be seen."""

VELOCITIES = f"""\
Root mean square error, in pixels per frame, from the true velocity (central difference of the
keypoint). Causal: the point's last step, the filter, and the best linear combination of the last
{STEPS} steps, fitted to the true velocities of the training episodes. In hindsight: the mean of the
last and the next step, and the smoother."""

NOISES = f"""\
The same with other noise, motion steady to {100 * STEADY[0]:.0f} %. Measurement: deviation of a
coordinate; acceleration: deviation of what it adds to the velocity in one frame, both in units of
the points."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", help="run folders of encoders with points")
    parser.add_argument("--data", type=Path, help="another data set than that of the training")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tracks = {
        chr(ord("A") + i): tracks_of(run, arguments.data) for i, run in enumerate(arguments.runs)
    }
    text = page(tracks, arguments.runs)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


def tracks_of(run: Path, data: Path | None) -> list[Track]:
    """Return the keypoints of a run's data that its points track."""
    encoder = checkpoint.load(run)
    options = runs.trained_options(run)
    dataset = Dataset.open(data or options["data"])
    train, test = dataset.split(options["held_out"])
    some = spread(len(train), EPISODES)
    dt = 1 / float(dataset.meta["fps"])
    codes, keypoints, owners = [], [], []
    for half in ([train[i] for i in some], test):
        with Windows(dataset, options["camera"], half, length=1) as windows:
            points = Codes.of(encoder, windows.frames).points
            if points is None:
                sys.exit(f"the encoder of {run} has no feature points to filter")
            codes.append(points.astype(np.float64))
            keypoints.append(windows.keypoints.astype(np.float64))
            owners.append(windows.episode_of)
            names = windows.keypoint_names
    scores = tracking_errors(codes[0], keypoints[0], codes[1], keypoints[1])
    constants = constant_errors(keypoints[0], keypoints[1])
    found = []
    for i, (name, score) in enumerate(zip(names, scores, strict=True)):
        if not score.error < TRACKED * constants[i]:
            continue
        halves = [
            half_of(points[:, score.point], truth[:, i], owner)
            for points, truth, owner in zip(codes, keypoints, owners, strict=True)
        ]
        episodes = [
            (halves[0].points[:, e], halves[0].present[:, e])
            for e in range(halves[0].points.shape[1])
        ]
        noises = (estimate_noise(episodes, dt), estimate_noise(episodes, dt, exact=0.0))
        width = encoder.image_shape[1]
        found.append(Track(name.replace("_", " "), score, *noises, *halves, width, dt))
    if not found:
        sys.exit(f"no point of {run} tracks a keypoint that moves")
    return found


def half_of(points: np.ndarray, truth: np.ndarray, owners: np.ndarray) -> Half:
    """Lay episodes side by side, all cut to the length of the shortest."""
    numbers, lengths = np.unique(owners, return_counts=True)
    rows = np.stack([np.flatnonzero(owners == n)[: lengths.min()] for n in numbers], axis=1)
    return Half(points[rows][:, :, None], truth[rows][..., :2], truth[rows][..., 2] > 0.5)


def page(tracks: dict[str, list[Track]], folders: list[Path]) -> str:
    """Return the results as Markdown."""
    every = [(label, track) for label, found in tracks.items() for track in found]
    frames, episodes = every[0][1].test.truth.shape[:2]
    lines = [
        "# What the Kalman filter makes of an encoder's points",
        "",
        f"`{' '.join(['python', *sys.argv])}`, {datetime.date.today()}, {os.cpu_count()} cores "
        f"{platform.machine()}, one thread.",
        "",
        "| encoder | run | steps | tracking error, px |",
        "|---|---|---|---|",
    ]
    for (label, found), folder in zip(tracks.items(), folders, strict=True):
        errors = ", ".join(f"{track.name} {track.tracking.error:.2f}" for track in found)
        record = runs.read_run(folder)
        steps = record["options"]["steps"] or record["resolved"]["steps"]
        lines.append(f"| {label} | `{folder}` | {steps} | {errors} |")
    times = [f"{step_ms(16, n):.3f} ms for {n}" for n in (1, 16)]
    lines += [
        "",
        f"Noise, point and affine map to pixels are from {EPISODES} training episodes, without "
        f"labels but for the map; everything is measured on {episodes} held-out episodes of "
        f"{frames} frames. Intervals are 95 %, over resampled episodes. One step of 16 points "
        f"takes {' and '.join(times)} environments (median).",
        "",
        f"## A black-out of {OUT} frames",
        "",
        BLACK_OUTS,
        "",
        "| encoder | keypoint | steady to | black-outs | held, px | filter, px | held / filter "
        "| ideal | inside, % |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row for label, track in every for row in black_out_rows(label, track)),
        "",
        "## Velocities",
        "",
        VELOCITIES,
        "",
        "| encoder | keypoint | frames | last step | filter | best linear | filter / last step "
        "| two steps | smoother |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row for label, track in every for row in velocity_rows(label, track)),
        "",
        "## How much the noise matters",
        "",
        NOISES,
        "",
        "| encoder | keypoint | noise | measurement | acceleration | held / filter "
        "| filter / last step |",
        "|---|---|---|---|---|---|---|",
        *(row for label, track in every for row in noise_rows(label, track)),
    ]
    return "\n".join(lines) + "\n"


def black_out_rows(label: str, track: Track) -> list[str]:
    out, rows = black_out(track, track.noise), []
    kinds = {f"{100 * share:.0f} %": out.steady(share) for share in STEADY}
    kinds |= {"moving": out.counted & out.far, "all": out.counted}
    for title, mask in kinds.items():
        cells = [label, track.name, title, str(mask.sum()), *["–"] * 5]
        if mask.any():
            held, filtered, ideal = (v[mask].mean() for v in (out.held, out.filtered, out.ideal))
            cells[4:] = [
                f"{held:.2f}",
                f"{filtered:.2f}",
                ratio(out.held, out.filtered, mask),
                f"{held / ideal:.1f}",
                f"{100 * out.inside[mask].mean():.0f}",
            ]
        rows.append(row(cells))
    return rows


def velocity_rows(label: str, track: Track) -> list[str]:
    found, rows = velocities(track, track.noise), []
    counted = track.test.counted
    for title, mask in (("all", counted), ("moving", counted & found.moving)):
        filtered, step, linear, smoothed, central = (
            f"{np.sqrt(squares[mask].mean()):.3f}" for squares in found[:5]
        )
        share = ratio(found.filtered, found.step, mask, root=True)
        rows.append(
            row([label, track.name, title, step, filtered, linear, share, central, smoothed])
        )
    return rows


def noise_rows(label: str, track: Track) -> list[str]:
    kinds = {"as estimated": track.noise, "no least error of measurement": track.unbounded}
    for factor in FACTORS:
        scaled = factor * track.noise.acceleration
        kinds[f"acceleration² × {factor:g}"] = track.noise._replace(acceleration=scaled)
    rows = []
    for kind, noise in kinds.items():
        out, found = black_out(track, noise), velocities(track, noise)
        steady = out.steady(STEADY[0])
        rows.append(
            row([
                label,
                track.name,
                kind,
                f"{np.sqrt(np.trace(noise.measurement[0]) / 2):.4f}",
                f"{np.sqrt(np.trace(noise.acceleration[0]) / 2 * track.dt):.3f}",
                ratio(out.held, out.filtered, steady) if steady.any() else "–",
                ratio(found.filtered, found.step, track.test.counted, root=True),
            ])
        )  # fmt: skip
    return rows


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def step_ms(points: int, environments: int) -> float:
    """Median time of one step, in milliseconds."""
    one = np.tile(np.eye(2), (points, 1, 1))
    follow, rng = Filter(Noise(0.3 * one, 1e-4 * one), 0.05), np.random.default_rng(0)
    places = rng.normal(size=(environments, points, 2))
    present = rng.random((environments, points)) < 0.9
    belief, times = follow.update(None, places, np.ones_like(present)), []
    for _ in range(TIMED):
        begin = time.perf_counter()
        belief = follow.update(belief, places, present)
        times.append(time.perf_counter() - begin)
    return 1000 * float(np.median(times))


if __name__ == "__main__":
    main()
