import numpy as np
import pytest
from gaussian_tracks import Drawn, Model, draw, posterior, some_noise
from scipy.stats import multivariate_normal

from dsae.errors import DsaeError
from dsae.state import expectation
from dsae.state.expectation import Tracks
from dsae.state.kalman import Filter, Noise
from dsae.state.noise import MIN_FRAMES, estimate_noise

DT = 0.05


def small(size: int = 2, absent: float = 0.3) -> tuple[np.ndarray, Tracks]:
    """Noise, stacked, and the tracks of two short episodes drawn with another one."""
    other = some_noise(2, size, seed=5)
    drawn = draw(other._replace(velocity=4 * np.eye(size)[None].repeat(2, 0)), DT, 9, 2, absent)
    return np.stack(some_noise(2, size)), Tracks(drawn.places, drawn.present, DT)


@pytest.mark.parametrize("size", [1, 2])
def test_a_step_takes_the_expected_squares_given_all_frames(size: int) -> None:
    """Against the formulas of Shumway & Stoffer, with the dense posterior of all states."""
    noise, tracks = small(size)
    found = expectation.step(tracks, noise).noise
    for k in range(2):
        model = Model.of(Noise(*noise), k, DT)
        pushes, errors, speeds = [], [], []
        for e in range(2):
            places, present = tracks.places[:, e, k], tracks.present[:, e, k]
            last = int(np.flatnonzero(present)[-1])
            mean, covariance = posterior(model, places, present)
            f, h = model.transition, model.observation
            for t in range(1, last + 1):
                move = np.hstack([-f, np.eye(2 * size)])
                around = [t - 1, t]
                joint = covariance[around][:, :, around].reshape(4 * size, 4 * size)
                push = mean[t] - f @ mean[t - 1]
                pushes.append(np.outer(push, push) + move @ joint @ move.T)
            for t in np.flatnonzero(present):
                missed = places[t] - h @ mean[t]
                errors.append(np.outer(missed, missed) + h @ covariance[t, :, t] @ h.T)
            first = mean[0, size:]
            speeds.append(np.outer(first, first) + covariance[0, size:, 0, size:])
        weights = np.linalg.inv([[DT**3 / 3, DT**2 / 2], [DT**2 / 2, DT]])
        blocks = np.mean(pushes, axis=0).reshape(2, size, 2, size)
        density = np.einsum("ij,jmin->mn", weights, blocks) / 2
        expected = density, np.mean(errors, axis=0), np.mean(speeds, axis=0)
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2])
def test_the_likelihood_is_that_of_all_places_together(size: int) -> None:
    """But for a constant: its differences between noises are those of the joint density."""
    one, tracks = small(size)
    other = np.stack(some_noise(2, size, seed=9))

    def joint(noise: np.ndarray, k: int, e: int) -> float:
        model = Model.of(Noise(*noise), k, DT)
        frames = len(tracks.places)
        # The first place is given; the state there is it, give or take R, and V.
        state = np.zeros((2 * size, 2 * size))
        state[:size, :size], state[size:, size:] = model.measurement, model.velocity
        cross = [state]  # covariances of the states, (T, 2d, T, 2d) in the end
        whole = np.zeros((frames, 2 * size, frames, 2 * size))
        for t in range(frames):
            if t:
                state = model.transition @ state @ model.transition.T + model.disturbance
                cross = [model.transition @ each for each in cross] + [state]
            for s in range(t + 1):
                whole[t, :, s], whole[s, :, t] = cross[s], cross[s].T
        seen = np.flatnonzero(tracks.present[1:, e, k]) + 1
        covariance = whole[seen][:, :size][:, :, seen][..., :size]
        covariance = covariance.reshape(len(seen) * size, -1)
        covariance += np.kron(np.eye(len(seen)), model.measurement)
        places = tracks.places[:, e, k] - tracks.places[0, e, k]
        return float(multivariate_normal.logpdf(places[seen].ravel(), cov=covariance))

    found = expectation.step(tracks, one).likelihood - expectation.step(tracks, other).likelihood
    for k in range(2):
        expected = sum(joint(one, k, e) - joint(other, k, e) for e in range(2))
        assert found[k] == pytest.approx(expected, rel=1e-8)


def test_no_step_makes_the_tracks_less_likely() -> None:
    drawn = draw(some_noise(3, 2), DT, 40, 5, absent=0.2)
    tracks = Tracks(drawn.places, drawn.present, DT)
    noise = np.stack(some_noise(3, 2, seed=7))
    before = np.full(3, -np.inf)
    for _ in range(15):
        noise, likelihood, _ = expectation.step(tracks, noise)
        assert (likelihood >= before - 1e-9).all()
        before = likelihood


def difference(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How far covariances (K, d, d) are from the true ones, as a share, (K,)."""
    return np.linalg.norm(found - true, axis=(1, 2)) / np.linalg.norm(true, axis=(1, 2))


@pytest.mark.parametrize("size", [1, 2])
def test_the_noise_of_simulated_tracks_is_found(size: int) -> None:
    noise = some_noise(3, size)
    drawn = draw(noise, DT, 60, 40, absent=0.2)
    found = estimate_noise(drawn.episodes(), DT)
    assert (difference(found.acceleration, noise.acceleration) < 0.3).all()
    assert (difference(found.measurement, noise.measurement) < 0.15).all()
    # One first velocity per episode, of which there are forty.
    assert found.velocity is not None
    assert noise.velocity is not None
    assert (difference(found.velocity, noise.velocity) < 0.8).all()


def steady(slow: float = 1e-3, jitter: float = 0.02) -> tuple[Noise, Drawn]:
    noise = Noise(slow * np.eye(2)[None], jitter**2 * np.eye(2)[None], 0.09 * np.eye(2)[None])
    return noise, draw(noise, DT, 60, 30)


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_frames_on_which_a_point_jumps_do_not_count(share: float) -> None:
    noise = some_noise(2, 2)
    drawn = draw(noise, DT, 60, 40)
    rng = np.random.default_rng(1)
    jumped = rng.random(drawn.present.shape) < share
    anywhere = rng.uniform(-1, 1, drawn.places.shape)
    places = np.where(jumped[..., None], anywhere, drawn.places)
    found = estimate_noise(drawn._replace(places=places).episodes(), DT)
    assert (difference(found.acceleration, noise.acceleration) < 0.4).all()
    assert (difference(found.measurement, noise.measurement) < 0.4).all()
    # Taken for errors of measurement, the jumps would be most of them.
    assert (share * anywhere.var() > 3 * np.trace(noise.measurement, axis1=1, axis2=2) / 2).all()


def test_steady_motion_is_followed_through_a_black_out() -> None:
    """With estimated noise: three times nearer than where it was last seen, and the velocity too.

    The noise is estimated on other episodes than it is used on.
    """
    _, drawn = steady()
    episodes, held_out = drawn.episodes()[:15], slice(15, None)
    out = 10
    truth, places = drawn.states[:, held_out], drawn.places[:, held_out]
    present = drawn.present[:, held_out].copy()
    present[-out:] = False
    found = Filter(estimate_noise(episodes, DT), DT).run(places, present)
    missed = np.linalg.norm(found.position[-1] - truth[-1, ..., :2], axis=-1).mean()
    assert missed < np.linalg.norm(places[-out - 1] - truth[-1, ..., :2], axis=-1).mean() / 3
    velocity = truth[10:-out, ..., 2:]
    filtered = np.linalg.norm(found.velocity[10:-out] - velocity, axis=-1).mean()
    differences = np.diff(places, axis=0)[9:-out] / DT
    assert filtered < np.linalg.norm(differences - velocity, axis=-1).mean() / 3


def test_tracks_do_not_mix_and_have_no_order() -> None:
    drawn = draw(some_noise(3, 2), DT, 40, 6, absent=0.2)
    order = [2, 0, 1]
    found = estimate_noise(drawn.episodes(), DT)
    other = estimate_noise(
        [(places[:, order], present[:, order]) for places, present in drawn.episodes()], DT
    )
    for value, shuffled in zip(found, other, strict=True):
        np.testing.assert_allclose(value[order], shuffled, rtol=1e-6)


def test_the_same_episodes_give_the_same_noise() -> None:
    episodes = draw(some_noise(2, 2), DT, 40, 4).episodes()
    for first, second in zip(
        estimate_noise(episodes, DT), estimate_noise(episodes, DT), strict=True
    ):
        assert (first == second).all()


def test_places_may_be_of_any_size_and_time_of_any_unit() -> None:
    """In metres and in millimetres, in seconds and in minutes: the same noise in those units."""
    episodes = draw(some_noise(2, 2), DT, 40, 6, absent=0.2).episodes()
    found = estimate_noise(episodes, DT)
    large = estimate_noise([(1000 * places, there) for places, there in episodes], DT / 60)
    for value, scaled, factor in zip(found, large, (60**3, 1, 60**2), strict=True):
        np.testing.assert_allclose(scaled, 1e6 * factor * value, rtol=0.02)


def test_what_stands_at_the_place_of_an_absent_track_is_not_looked_at() -> None:
    drawn = draw(some_noise(2, 2), DT, 40, 5, absent=0.3)
    there = drawn.present[..., None]
    elsewhere = drawn._replace(places=np.where(there, drawn.places, np.nan))
    for value, other in zip(
        estimate_noise(drawn.episodes(), DT), estimate_noise(elsewhere.episodes(), DT), strict=True
    ):
        np.testing.assert_array_equal(value, other)


def test_episodes_may_be_long_or_short() -> None:
    """One recording of 800 frames, or episodes of 10 to 70: the same motion."""
    noise = some_noise(1, 2)
    long = estimate_noise(draw(noise, DT, 800, 1).episodes(), DT)
    episodes = draw(noise, DT, 70, 20).episodes()
    ragged = [
        (places[: 10 + 3 * i], there[: 10 + 3 * i]) for i, (places, there) in enumerate(episodes)
    ]
    short = estimate_noise(ragged, DT)
    for found in (long, short):
        assert difference(found.acceleration, noise.acceleration) < 0.4
    # Forty seconds of free motion go far, and what counts as exact is a share of that.
    assert difference(short.measurement, noise.measurement) < 0.2


def test_a_track_that_is_hardly_seen_gets_the_noise_of_the_others() -> None:
    drawn = draw(some_noise(3, 2), DT, 60, 4)
    present = drawn.present.copy()
    present[MIN_FRAMES // 4 :, :, 1] = False
    found = estimate_noise(drawn._replace(present=present).episodes(), DT)
    for value in found:
        np.testing.assert_allclose(value[1], (value[0] + value[2]) / 2)
    present[:] = False
    with pytest.raises(DsaeError, match="no track is present on 20 frames after its first"):
        estimate_noise(drawn._replace(present=present).episodes(), DT)


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_a_track_that_lies_still_can_still_be_filtered(jitter: float) -> None:
    rng = np.random.default_rng(0)
    places = 0.3 + jitter * rng.normal(size=(200, 1, 2))
    episodes = [(part, np.ones(part.shape[:-1], bool)) for part in np.split(places, 4)]
    noise = estimate_noise(episodes, DT)
    variance = np.trace(noise.measurement[0]) / 2
    assert np.linalg.eigvalsh(noise.acceleration[0]).min() > 0.99 * variance / (DT**3 * 50**4)
    moved = np.full((100, 1, 2), 0.8)
    found = Filter(noise, DT).run(np.concatenate([places, moved]), np.ones((300, 1), bool))
    assert np.abs(found.position[199] - 0.3).max() < 0.5 * jitter + 1e-6
    # However still it lay, it is believed again soon after it was put elsewhere.
    assert np.abs(found.position[299] - 0.8).max() < 0.05
    assert np.abs(found.velocity[299]).max() < 0.1


def test_no_measurement_is_taken_to_be_perfect() -> None:
    """Points without any error of measurement: as good as half a percent of how far they go."""
    noise = some_noise(1, 2)._replace(measurement=1e-14 * np.eye(2)[None])
    drawn = draw(noise, DT, 60, 10)
    spread = drawn.places.reshape(-1, 2).var(axis=0).mean()
    usual = estimate_noise(drawn.episodes(), DT).measurement[0]
    np.testing.assert_allclose(np.linalg.eigvalsh(usual).min(), (0.005 * spread**0.5) ** 2)
    trusting = estimate_noise(drawn.episodes(), DT, exact=0.0).measurement[0]
    assert np.linalg.eigvalsh(trusting).max() < 0.02 * np.linalg.eigvalsh(usual).min()
    with pytest.raises(DsaeError, match="exact = -1: it must be a share"):
        estimate_noise(drawn.episodes(), DT, exact=-1)


@pytest.mark.parametrize(
    ("episodes", "dt", "message"),
    [
        ([], DT, "there are no episodes to estimate the noise from"),
        ([(np.zeros((30, 2)), np.ones(30, bool))], DT, r"of shape \(30, 2\), not \(T, K, d\)"),
        ([(np.zeros((0, 2, 2)), np.ones((0, 2), bool))], DT, r"of shape \(0, 2, 2\)"),
        (
            [(np.zeros((30, n, 2)), np.ones((30, n), bool)) for n in (2, 3)],
            DT,
            r"of shape \(30, 3, 2\), not \(T, 2, 2\)",
        ),
        ([(np.zeros((30, 2, 2)), np.ones((30, 2)))], DT, "present is float64"),
        ([(np.full((30, 2, 2), np.nan), np.ones((30, 2), bool))], DT, "is not finite"),
        ([(np.zeros((30, 2, 2)), np.ones((30, 2), bool))], -1.0, "dt = -1.0"),
    ],
)
def test_what_is_no_episode_is_refused(
    episodes: list[tuple[np.ndarray, np.ndarray]], dt: float, message: str
) -> None:
    with pytest.raises(DsaeError, match=message) as error:
        estimate_noise(episodes, dt)
    assert "\n" not in str(error.value)
