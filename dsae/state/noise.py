"""The noise of a Kalman filter, estimated per track from recorded episodes without labels.

It is the one of maximal likelihood: expectation maximisation (`dsae.state.expectation`), its steps
lengthened by SQUAREM (Varadhan & Roland 2008) on the logarithms of the covariances.

A point that jumps away and comes back would count as noise of every frame. So the same is done
first with errors of Student's t distribution (Lange, Little & Taylor 1989), which weighs each frame
by how well it fits; those that hardly count are then taken as absent. With up to a twentieth of
the frames anywhere in the image the noise is that of the others. A jump that lasts is motion.
"""

from collections.abc import Sequence

import numpy as np

from dsae.errors import DsaeError
from dsae.state.expectation import EXACT, Tracks, step
from dsae.state.kalman import Noise, checked_presence, checked_step
from dsae.state.matrices import spectral, symmetric

FRAMES = 3000  # of episodes from all over the data, that the noise is estimated from
PIECE = 200  # frames; what is longer is cut, so that the pieces go through side by side
MIN_FRAMES = 20  # on which a track must be present; one that is rarer gets the others' mean noise
FREEDOM = 4.0  # degrees of freedom of Student's t
OUTLIER = 0.2  # weight below which a frame is left out: about five deviations away
SCREENING = 16  # steps with Student's t
ROUNDS = (4, 16)  # cycles of three steps, after a screening each; the second finds what hid before
CONVERGED = 0.01  # change of all logarithms at which the likelihood is taken to be maximal
LONGEST = 16.0  # times two plain steps
LAG = 8  # frames, over which slow motion stands out from errors of measurement

Episodes = Sequence[tuple[np.ndarray, np.ndarray]]
"""Pairs of places (T, K, d) and present, bool (T, K); T may differ."""


def estimate_noise(episodes: Episodes, dt: float, *, exact: float = EXACT) -> Noise:
    """Return the noise under which recorded tracks are likeliest, for `dsae.state.kalman.Filter`.

    `dt` is in seconds. No measurement is taken to be better than the share `exact` of the standard
    deviation of its track. The same episodes give the same noise. A track that is hardly ever
    present gets the mean noise of the others.

    Raises:
        DsaeError: shapes do not fit, the place of a present track is not finite, no track is
            present often enough, or `exact` is negative.
    """
    if not 0 <= exact < 1:
        raise DsaeError(f"exact = {exact}: it must be a share, from 0 to below 1")
    tracks = _together(episodes, checked_step(dt))._replace(exact=exact)
    usual = tracks.frames >= MIN_FRAMES
    if not usual.any():
        raise DsaeError(
            f"no track is present on {MIN_FRAMES} frames after its first: there is no noise to "
            "estimate"
        )
    noise = _guess(tracks)
    for cycles in ROUNDS:
        noise = _maximise(_without_outliers(tracks, noise), noise, cycles)
    others = noise[:, usual].mean(axis=1, keepdims=True)
    return Noise(*np.where(usual[:, None, None], noise, others))


def _together(episodes: Episodes, dt: float) -> Tracks:
    """Cut episodes to pieces and lay them side by side; some from all over the data if many."""
    pieces = []
    for places, present in _checked(episodes):
        count = -(-len(places) // PIECE)
        cuts = np.array_split(places, count), np.array_split(present, count)
        pieces += list(zip(*cuts, strict=True))
    pieces = pieces[:: -(-sum(len(places) for places, _ in pieces) // FRAMES)]
    shape = (max(len(places) for places, _ in pieces), len(pieces), *pieces[0][0].shape[1:])
    tracks = Tracks(np.zeros(shape), np.zeros(shape[:-1], bool), dt)
    for i, (places, present) in enumerate(pieces):
        tracks.places[: len(places), i] = np.where(present[..., None], places, 0)
        tracks.present[: len(places), i] = present
    return tracks


def _guess(tracks: Tracks) -> np.ndarray:
    """Begin with what second differences tell, whose variance over a time τ is 6 R + ⅔ S τ³.

    Of successive frames their median, half of it errors of measurement and half motion, unless
    those over a longer time allow for less motion.
    """
    places, present, dt, _ = tracks
    size = places.shape[-1]
    noise = np.zeros((3, places.shape[2], size, size))
    for k, least in enumerate(tracks.least):
        place, there = places[..., k, :], present[..., k]
        near, far = _bends(place, there, 1), _bends(place, there, LAG)
        # The median of a squared normal variable is half its mean.
        bend = max(2 * np.median(near), 12 * least) if near.size else 12 * least
        acceleration = 0.75 * bend / dt**3
        if far.size:
            acceleration = min(acceleration, max(1.5 * far.mean() / (LAG * dt) ** 3, least / dt**3))
        steps = ((place[1:] - place[:-1]) ** 2)[there[1:] & there[:-1]]
        velocity = ((steps.mean() if steps.size else 0.0) + bend) / dt**2
        for i, variance in enumerate((acceleration, bend / 12, velocity)):
            noise[i, k] = variance * np.eye(size)
    return noise


def _bends(place: np.ndarray, present: np.ndarray, lag: int) -> np.ndarray:
    """Return the squared second differences of a track (T, E, d) over `lag` frames, (n, d)."""
    if len(place) <= 2 * lag:
        return place[:0].reshape(0, place.shape[-1])
    there = present[2 * lag :] & present[lag:-lag] & present[: -2 * lag]
    return ((place[2 * lag :] - 2 * place[lag:-lag] + place[: -2 * lag]) ** 2)[there]


def _without_outliers(tracks: Tracks, noise: np.ndarray) -> Tracks:
    """Return the tracks without the frames that hardly count if errors may be large."""
    weights = np.ones(tracks.present.shape)
    for _ in range(SCREENING):
        noise, _, weights = step(tracks, noise, weights, FREEDOM)
    kept = tracks._replace(present=tracks.present & (weights >= OUTLIER))
    # What is nearly all outliers has no others to go by.
    return tracks._replace(
        present=np.where(kept.frames >= MIN_FRAMES, kept.present, tracks.present)
    )


def _maximise(tracks: Tracks, noise: np.ndarray, cycles: int) -> np.ndarray:
    """Return the noise of maximal likelihood, from a first guess, both (3, K, d, d)."""
    for _ in range(cycles):
        once = step(tracks, noise)
        twice = step(tracks, once.noise)
        logarithms = [spectral(each, np.log) for each in (noise, once.noise, twice.noise)]
        first = logarithms[1] - logarithms[0]
        second = logarithms[2] - logarithms[1] - first
        ratio = (first**2).sum(axis=(0, 2, 3)) / np.maximum((second**2).sum(axis=(0, 2, 3)), 1e-24)
        length = np.clip(np.sqrt(ratio), 1, LONGEST)[:, None, None]  # 1 leads where two steps do
        leap = logarithms[0] + 2 * length * first + length**2 * second
        leap = np.clip(leap, logarithms[2] - 5, logarithms[2] + 5)
        far = step(tracks, symmetric(spectral(symmetric(leap), np.exp)))
        better = far.likelihood >= twice.likelihood  # of the leap and of one step
        noise = np.where(better[:, None, None], far.noise, twice.noise)
        if np.abs(logarithms[2] - logarithms[1]).max() < CONVERGED:
            break
    return noise


def _checked(episodes: Episodes) -> list[tuple[np.ndarray, np.ndarray]]:
    if not episodes:
        raise DsaeError("there are no episodes to estimate the noise from")
    checked: list[tuple[np.ndarray, np.ndarray]] = []
    for given, seen in episodes:
        places = np.asarray(given, np.float64)
        shape = checked[0][0].shape[1:] if checked else places.shape[1:]
        if places.ndim != 3 or 0 in places.shape or places.shape[1:] != shape:
            wanted = f"(T, {shape[0]}, {shape[1]})" if len(shape) == 2 else "(T, K, d)"
            raise DsaeError(f"the places of an episode are of shape {places.shape}, not {wanted}")
        checked.append((places, checked_presence(places, np.asarray(seen))))
    return checked
