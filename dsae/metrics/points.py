"""What the feature points of a spatial encoder are good for, one by one.

Points are (x, y) in [−1, 1], arrays (N, K, 2) over N frames of H × W images. Distances count in
halves of the image's shorter side, the same along x and y, so that on a square image they are those
of the points themselves: `coordinates.in_half_sides` gives points in that unit.
"""

import numpy as np

from dsae.coordinates import in_half_sides

DEAD_SPREAD = 1 / 64  # a point whose place varies by less lies still: half a pixel of 64
DEAD_MASS = 2.0  # times a uniform map's softmax mass; a point below looks everywhere, so nowhere
OBJECT_RADIUS = 0.1  # about that of our tasks' objects: 3.2 pixels of 64
DUPLICATE_CORRELATION = 0.95  # of two points' movements, 90 % of the variance shared
EXPLAINED = 0.5  # share of a point's movement that one keypoint must explain for it to follow it


def spread(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return how far each point moves, (K,): the deviation of its place, √(Var x + Var y)."""
    return np.linalg.norm(in_half_sides(points, height, width).std(axis=0), axis=-1)


def dead(
    points: np.ndarray,
    height: int,
    width: int,
    mass: np.ndarray | None = None,
    uniform: float = 0.0,
) -> np.ndarray:
    """Return which points hardly move or have no place, bool (K,).

    `mass` (N, K) is the softmax mass around each point, `uniform` that of a map without a peak.
    """
    still = spread(points, height, width) < DEAD_SPREAD
    return still if mass is None else still | (mass.mean(axis=0) < DEAD_MASS * uniform)


def duplicates(
    points: np.ndarray, preference: np.ndarray, candidates: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Return which of the `candidates` (bool (K,)) repeat another one of them, bool (K,).

    Two points are the same if they are nearer than an object's radius on average and move together,

    Σ_t ⟨p_t − p̄, q_t − q̄⟩ / √(Σ_t |p_t − p̄|² Σ_t |q_t − q̄|²) > 0.95;

    the one of higher `preference` (K,) is kept.
    """
    places = in_half_sides(points, height, width)
    centred = places - places.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=(0, 2))) + 1e-12
    together = np.einsum("nki,nli->kl", centred, centred) / np.outer(norms, norms)
    kept: list[int] = []
    repeated = np.zeros(points.shape[1], bool)
    for k in sorted(np.flatnonzero(candidates), key=lambda k: -preference[k]):
        repeated[k] = any(
            together[k, other] > DUPLICATE_CORRELATION
            and np.linalg.norm(places[:, k] - places[:, other], axis=1).mean() < OBJECT_RADIUS
            for other in kept
        )
        if not repeated[k]:
            kept.append(int(k))
    return repeated


def explained(
    train_points: np.ndarray,
    train_keypoints: np.ndarray,
    test_points: np.ndarray,
    test_keypoints: np.ndarray,
    height: int,
    width: int,
) -> np.ndarray:
    """Return how much of each point's movement the best single keypoint explains, (K,).

    R² on held-out frames of an affine map, fitted on training frames, from one keypoint (N, P, 3)
    to the point; the highest over the keypoints, at least 0, each on the frames on which it is
    visible. A point that lies still has none: 0.
    """
    train_points, test_points = (
        in_half_sides(points, height, width) for points in (train_points, test_points)
    )
    best = np.zeros(train_points.shape[1])
    for i in range(train_keypoints.shape[1]):
        seen, scored = train_keypoints[:, i, 2] > 0.5, test_keypoints[:, i, 2] > 0.5
        if seen.sum() < 3 or scored.sum() < 2:
            continue
        inputs, held_out = (
            np.column_stack([truth[:, i, :2], np.ones(len(truth))])[rows].astype(np.float64)
            for truth, rows in ((train_keypoints, seen), (test_keypoints, scored))
        )
        target, points = train_points[seen], test_points[scored]
        maps = np.linalg.lstsq(inputs, target.reshape(len(target), -1), rcond=None)[0]
        missed = (held_out @ maps).reshape(points.shape) - points
        moved = points - points.mean(axis=0)
        total = (moved**2).sum(axis=(0, 2))
        share = 1 - (missed**2).sum(axis=(0, 2)) / np.maximum(total, 1e-12)
        best = np.maximum(best, np.where(total > 1e-12, share, 0))
    return best


def temporal_consistency(
    points: np.ndarray, episodes: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Return how steadily each point moves, (K,): the correlation of its successive steps.

    ρ = 2 Σ_t ⟨Δ_t, Δ_{t+1}⟩ / Σ_t (|Δ_t|² + |Δ_{t+1}|²),  Δ_t = p_{t+1} − p_t within an episode

    1 for a constant velocity, 0 for a random walk, −½ for a point that jitters about its place or
    is found anew in every frame, −1 for one that jumps to and fro. Label-free: things move
    steadily, so points on them do. `episodes` (N,) numbers each frame's episode; NaN for a point
    that never moves within one.
    """
    steps = np.diff(in_half_sides(points, height, width), axis=0)
    together = episodes[2:] == episodes[:-2]
    before, after = steps[:-1][together], steps[1:][together]
    size = (before**2 + after**2).sum(axis=(0, 2))
    product = 2 * (before * after).sum(axis=(0, 2))
    return np.divide(product, size, out=np.full(len(size), np.nan), where=size > 1e-12)


def coverage(points: np.ndarray, masks: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return the share of the foreground near a point, that of all pixels, and each point's own.

    `masks`, bool (N, h, w), are the foreground of the frames that the points are of. Near is within
    an object's radius of any point. The second figure is what points in no relation to the
    foreground would score. The third, (K,), is the share of the frames with a foreground on which
    a point is near some of it. NaN where there is no foreground.
    """
    frames, height, width = masks.shape
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], axis=-1)
    grid = in_half_sides(pixels, height, width).reshape(-1, 2)  # (h·w, 2)
    places = in_half_sides(points, height, width)
    front = covered = area = 0
    meetings, busy = np.zeros(points.shape[1]), 0
    for place, mask in zip(places, masks.reshape(frames, -1), strict=True):
        near = np.zeros((len(grid), len(place)), bool)
        if len(place):
            near = ((grid[:, None] - place) ** 2).sum(axis=2) < OBJECT_RADIUS**2
        any_near = near.any(axis=1)
        front += int(mask.sum())
        covered += int((any_near & mask).sum())
        area += int(any_near.sum())
        busy += bool(mask.any())
        meetings += near[mask].any(axis=0)
    if not front:
        return float("nan"), area / max(masks.size, 1), np.full(points.shape[1], np.nan)
    return covered / front, area / masks.size, meetings / busy
