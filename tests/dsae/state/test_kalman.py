from itertools import pairwise

import numpy as np
import pytest
from gaussian_tracks import Drawn, Model, draw, posterior, some_noise
from scipy.linalg import solve_discrete_are
from scipy.stats import chi2

from dsae.errors import DsaeError
from dsae.state.kalman import Estimate, Filter, Noise

DT = 0.05
SIZES = pytest.mark.parametrize("size", [1, 2, 3])


def one_episode(noise: Noise, frames: int, absent: float = 0.3, seed: int = 0) -> Drawn:
    """Tracks with E left out."""
    return Drawn(*(value[:, 0] for value in draw(noise, DT, frames, 1, absent, seed)))


def states(estimate: Estimate) -> np.ndarray:
    return np.concatenate([estimate.position, estimate.velocity], axis=-1)


def textbook(
    model: Model, places: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A filter as it stands in textbooks: inverses, and P ← (1 − KH) P."""
    size = places.shape[1]
    f, q, h, r, v = model
    means, covariances = [], []
    mean = covariance = np.zeros(0)
    for place, there in zip(places, present, strict=True):
        if not means:
            assert there
            mean = np.concatenate([place, np.zeros(size)])
            covariance = np.block([[r, 0 * r], [0 * r, v]])
        else:
            mean, covariance = f @ mean, f @ covariance @ f.T + q
            if there:
                gain = covariance @ h.T @ np.linalg.inv(h @ covariance @ h.T + r)
                mean = mean + gain @ (place - h @ mean)
                covariance = (np.eye(2 * size) - gain @ h) @ covariance
        means.append(mean)
        covariances.append(covariance)
    return np.array(means), np.array(covariances)


@SIZES
def test_every_track_is_filtered_as_the_textbook_says(size: int) -> None:
    noise = some_noise(3, size)
    seen = one_episode(noise, 60)
    found = Filter(noise, DT).run(seen.places, seen.present)
    assert not seen.present.all()
    for k in range(3):
        means, covariances = textbook(Model.of(noise, k, DT), seen.places[:, k], seen.present[:, k])
        np.testing.assert_allclose(states(found)[:, k], means, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(found.covariance[:, k], covariances, rtol=1e-8, atol=1e-12)


@SIZES
def test_the_filter_gives_the_exact_posterior_of_each_frame(size: int) -> None:
    noise = some_noise(2, size)
    seen = one_episode(noise, 8)
    found = Filter(noise, DT).run(seen.places, seen.present)
    for k in range(2):
        model = Model.of(noise, k, DT)
        for t in range(8):
            mean, covariance = posterior(model, seen.places[: t + 1, k], seen.present[: t + 1, k])
            np.testing.assert_allclose(states(found)[t, k], mean[t], rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(
                found.covariance[t, k], covariance[t, :, t], rtol=1e-5, atol=1e-10
            )


@SIZES
def test_the_smoother_gives_the_exact_posterior_of_the_episode(size: int) -> None:
    noise = some_noise(2, size)
    seen = one_episode(noise, 12)
    found = Filter(noise, DT).smooth(seen.places, seen.present)
    for k in range(2):
        mean, covariance = posterior(Model.of(noise, k, DT), seen.places[:, k], seen.present[:, k])
        np.testing.assert_allclose(states(found)[:, k], mean, rtol=1e-6, atol=1e-9)
        for t in range(12):
            np.testing.assert_allclose(
                found.covariance[t, k], covariance[t, :, t], rtol=1e-5, atol=1e-10
            )


@pytest.mark.parametrize("size", [1, 2])
def test_after_a_while_the_gain_solves_the_riccati_equation(size: int) -> None:
    noise = some_noise(2, size)
    frames = 400
    follow = Filter(noise, DT)
    places = np.zeros((frames, 2, size))
    present = np.ones((frames, 2), bool)
    found = follow.run(places, present)
    before = Estimate(*(value[-2] for value in found))
    for k in range(2):
        f, q, h, r, _ = Model.of(noise, k, DT)
        predicted = solve_discrete_are(f.T, h.T, q, r)
        gain = predicted @ h.T @ np.linalg.inv(h @ predicted @ h.T + r)
        np.testing.assert_allclose(
            found.covariance[-1, k], predicted - gain @ h @ predicted, rtol=1e-6, atol=1e-12
        )
        for axis in range(size):
            moved = np.zeros((2, size))
            moved[k, axis] = 1.0  # what the measurement moves is a column of the gain
            answer = follow.update(before, moved, present[-1])
            np.testing.assert_allclose(states(answer)[k], gain[:, axis], rtol=1e-6, atol=1e-12)
            assert not states(answer)[1 - k].any()


@pytest.mark.parametrize("method", ["run", "smooth"])
def test_errors_are_as_large_as_the_covariance_says(method: str) -> None:
    """The normalised squared error of the estimate has a χ² distribution of 2d, at every frame."""
    noise, episodes = some_noise(4, 2), 150
    seen = draw(noise, DT, 40, episodes, absent=0.2)
    found = getattr(Filter(noise, DT), method)(seen.places, seen.present)
    missed = (states(found) - seen.states)[..., None]
    # Where a track begins is unknown, so its first velocity is drawn as the filter believes.
    squares = (missed.swapaxes(-1, -2) @ np.linalg.solve(found.covariance, missed))[..., 0, 0]
    count = episodes * 4
    for t in (0, 1, 2, 5, 20, 39):
        low, high = chi2.ppf([1e-4, 1 - 1e-4], 4 * count)
        assert low < squares[t].sum() < high, f"frame {t}: {squares[t].mean():.2f} for 4"


def test_an_absent_track_goes_on_at_its_velocity() -> None:
    noise = some_noise(2, 2)
    follow = Filter(noise, DT)
    seen = one_episode(noise, 10, absent=0)
    before = Estimate(*(value[-1] for value in follow.run(seen.places, seen.present)))
    nowhere = np.full((2, 2), np.nan)
    after = follow.update(before, nowhere, np.zeros(2, bool))
    np.testing.assert_allclose(after.position, before.position + DT * before.velocity)
    np.testing.assert_allclose(after.velocity, before.velocity)
    for k in range(2):
        f, q, *_ = Model.of(noise, k, DT)
        np.testing.assert_allclose(after.covariance[k], f @ before.covariance[k] @ f.T + q)


def test_a_track_is_unknown_until_it_is_first_seen() -> None:
    noise = some_noise(2, 2)
    follow = Filter(noise, DT)
    places = np.full((4, 2, 2), np.nan)
    present = np.zeros((4, 2), bool)
    places[2:, 1], present[2:, 1] = [[0.3, -0.2], [0.4, -0.2]], True
    for found in (follow.run(places, present), follow.smooth(places, present)):
        assert found.known.tolist() == [[False, False]] * 2 + [[False, True]] * 2
        assert not found.position[~found.known].any()
        assert not found.velocity[~found.known].any()
        unknown = found.covariance[~found.known]
        assert np.isinf(unknown[:, [0, 1], [0, 1]]).all()
        assert not np.isnan(found.covariance).any()
    begun = follow.run(places, present)
    assert begun.position[2, 1].tolist() == [0.3, -0.2]
    assert begun.velocity[2, 1].tolist() == [0.0, 0.0]
    velocity = np.asarray(noise.velocity)[1]
    nothing = np.zeros((2, 2))
    np.testing.assert_allclose(
        begun.covariance[2, 1], np.block([[noise.measurement[1], nothing], [nothing, velocity]])
    )


def test_a_first_velocity_that_is_not_given_may_be_any() -> None:
    noise = some_noise(1, 2)._replace(velocity=None)
    places = np.array([[[0.1, 0.2]], [[0.9, -0.3]]])
    found = Filter(noise, DT).run(places, np.ones((2, 1), bool))
    np.testing.assert_allclose(found.velocity[1], (places[1] - places[0]) / DT, rtol=1e-3)


def test_a_batch_is_each_of_its_environments() -> None:
    noise = some_noise(4, 2)
    seen = draw(noise, DT, 25, 6, absent=0.4)
    places = seen.places.reshape(25, 2, 3, 4, 2)
    present = seen.present.reshape(25, 2, 3, 4)
    present[:5, 0, 1, 2] = False  # some tracks begin late
    follow = Filter(noise, DT)
    for method in (follow.run, follow.smooth):
        together = method(places, present)
        assert together.position.shape == (25, 2, 3, 4, 2)
        assert together.covariance.shape == (25, 2, 3, 4, 4, 4)
        for i, j in np.ndindex(2, 3):
            alone = method(places[:, i, j], present[:, i, j])
            for whole, part in zip(together, alone, strict=True):
                np.testing.assert_allclose(whole[:, i, j], part, rtol=1e-9, atol=1e-12)


def test_tracks_do_not_mix_and_have_no_order() -> None:
    noise = some_noise(4, 2)
    seen = one_episode(noise, 25)
    together = Filter(noise, DT).run(seen.places, seen.present)
    order = [2, 0, 3, 1]
    shuffled = Filter(Noise(*(value[order] for value in noise)), DT).run(
        seen.places[:, order], seen.present[:, order]
    )
    for k in range(4):
        alone = Filter(Noise(*(value[[k]] for value in noise)), DT).run(
            seen.places[:, [k]], seen.present[:, [k]]
        )
        for whole, other, part in zip(together, shuffled, alone, strict=True):
            np.testing.assert_allclose(whole[:, [k]], part, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(other[:, [order.index(k)]], part, rtol=1e-9, atol=1e-12)


def test_an_episode_at_once_is_the_episode_frame_by_frame() -> None:
    noise = some_noise(3, 2)
    seen = one_episode(noise, 20)
    follow = Filter(noise, DT)
    whole = follow.run(seen.places, seen.present)
    belief = None
    for t in range(20):
        belief = follow.update(belief, seen.places[t], seen.present[t])
        for at_once, one in zip(whole, belief, strict=True):
            np.testing.assert_array_equal(at_once[t], one)


@pytest.mark.parametrize(
    ("acceleration", "measurement"), [(1e4, 1e-12), (1e-12, 1.0), (0.0, 1e-4), (1.0, 1e-4)]
)
def test_covariances_stay_positive_for_thousands_of_steps(
    acceleration: float, measurement: float
) -> None:
    noise = Noise(acceleration * np.eye(2)[None], measurement * np.eye(2)[None])
    follow = Filter(noise, DT)
    rng = np.random.default_rng(0)
    belief = None
    for t in range(4000):
        present = np.array([t == 0 or (t // 500) % 3 > 0])  # absent for 25 s at times
        belief = follow.update(belief, rng.normal(size=(1, 2)), present)
        covariance = belief.covariance[0]
        assert (covariance == covariance.T).all()
        # In units in which the diagonal is one, as position and velocity have different ones.
        scale = 1 / np.sqrt(np.diag(covariance))
        assert np.linalg.eigvalsh(scale[:, None] * covariance * scale).min() > 0
    smoothed = follow.smooth(rng.normal(size=(2000, 1, 2)), np.ones((2000, 1), bool))
    scale = 1 / np.sqrt(np.diagonal(smoothed.covariance, axis1=-2, axis2=-1))
    correlation = scale[..., :, None] * smoothed.covariance * scale[..., None, :]
    assert np.linalg.eigvalsh(correlation).min() > 0


def test_steady_motion_is_followed_through_a_black_out() -> None:
    """Ten frames without a sight: at their end three times nearer than where it was last seen."""
    rng = np.random.default_rng(0)
    frames, count, out = 60, 200, 10
    velocity = 0.3 * rng.normal(size=(count, 1, 2))
    truth = np.arange(frames)[:, None, None, None] * DT * velocity  # (T, E, 1, 2)
    places = truth + 0.01 * rng.normal(size=truth.shape)
    present = np.ones(places.shape[:-1], bool)
    present[-out:] = False
    noise = Noise(0.01 * np.eye(2)[None], 1e-4 * np.eye(2)[None], 0.09 * np.eye(2)[None])
    found = Filter(noise, DT).run(places, present)
    missed = np.linalg.norm(found.position[-1] - truth[-1], axis=-1).mean()
    held = np.linalg.norm(places[-out - 1] - truth[-1], axis=-1).mean()
    assert missed < held / 3
    seen = slice(10, frames - out)
    filtered = np.linalg.norm(found.velocity[seen] - velocity, axis=-1).mean()
    differences = np.diff(places, axis=0)[9 : frames - out - 1] / DT
    assert filtered < np.linalg.norm(differences - velocity, axis=-1).mean() / 3


@pytest.mark.parametrize(
    ("places", "present", "message"),
    [
        (np.zeros((3, 2)), np.ones(3, bool), r"places are of shape \(3, 2\), not \(..., 2, 2\)"),
        (np.zeros((2, 3)), np.ones(2, bool), r"places are of shape \(2, 3\)"),
        (np.zeros(2), np.ones(2, bool), r"places are of shape \(2,\)"),
        (np.zeros((2, 2)), np.ones(3, bool), r"present is bool of shape \(3,\)"),
        (np.zeros((2, 2)), np.ones(2), r"present is float64 of shape \(2,\), not bool"),
        (np.full((2, 2), np.nan), np.ones(2, bool), "not finite: mark the track as absent"),
        (np.array([[0, 0], [0, np.inf]]), np.ones(2, bool), "not finite"),
        (np.zeros((5, 2, 2)), np.ones((5, 2), bool), r"the belief is of shape \(2, 2\)"),
    ],
)
def test_what_is_no_measurement_is_refused(
    places: np.ndarray, present: np.ndarray, message: str
) -> None:
    follow = Filter(some_noise(2, 2), DT)
    belief = follow.update(None, np.zeros((2, 2)), np.ones(2, bool))
    with pytest.raises(DsaeError, match=message) as error:
        follow.update(belief, places, present)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(2, 2), (0, 2, 2), (4, 2, 1)])
def test_episodes_need_frames_of_all_tracks(shape: tuple[int, ...]) -> None:
    with pytest.raises(DsaeError, match=r"not \(T, ..., 2, 2\)"):
        Filter(some_noise(2, 2), DT).run(np.zeros(shape), np.ones(shape[:-1], bool))


ONE = np.eye(2)[None]


@pytest.mark.parametrize(
    ("noise", "dt", "message"),
    [
        (Noise(ONE, ONE), 0.0, "dt = 0.0: the time between two frames must be positive"),
        (Noise(ONE, ONE), float("nan"), "dt = nan"),
        (Noise(ONE, np.eye(2)), DT, r"measurement noise is of shape \(2, 2\), not \(K, d, d\)"),
        (Noise(np.eye(3)[None], ONE), DT, r"acceleration is of shape \(1, 3, 3\), not \(1, 2, 2\)"),
        (Noise(ONE, ONE, np.ones((2, 2, 2))), DT, r"velocity is of shape \(2, 2, 2\)"),
        (Noise(ONE, 0 * ONE), DT, "measurement of track 0 is no positive covariance"),
        (Noise(-ONE, ONE), DT, "acceleration of track 0 is no positive covariance"),
        (Noise(ONE, np.array([[[1, 2.0], [2, 1]]])), DT, "measurement of track 0 is no positive"),
        (Noise(ONE, np.array([[[1, 0.5], [0, 1]]])), DT, "measurement must be finite and symmetr"),
        (Noise(ONE * np.nan, ONE), DT, "acceleration must be finite"),
    ],
)
def test_what_is_no_noise_is_refused(noise: Noise, dt: float, message: str) -> None:
    with pytest.raises(DsaeError, match=message) as error:
        Filter(noise, dt)
    assert "\n" not in str(error.value)


def test_there_may_be_no_track_at_all() -> None:
    nothing = np.zeros((0, 2, 2))
    found = Filter(Noise(nothing, nothing), DT).run(np.zeros((3, 0, 2)), np.zeros((3, 0), bool))
    assert found.position.shape == (3, 0, 2)


def test_the_longer_a_track_is_absent_the_less_is_known() -> None:
    noise = some_noise(1, 2)
    present = np.zeros((12, 1), bool)
    present[:4] = True
    found = Filter(noise, DT).run(np.zeros((12, 1, 2)), present)
    volume = np.linalg.det(found.covariance[3:, 0])
    assert all(later > earlier for earlier, later in pairwise(volume))
