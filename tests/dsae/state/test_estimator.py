import subprocess
import sys

import numpy as np
import pytest
from perceptions import RATE, estimator, frames, perception, robot

from dsae import checkpoint
from dsae.errors import CheckpointError, DsaeError
from dsae.state import artefact
from dsae.state.estimator import StateEstimator
from dsae.state.kalman import Filter

STEPS = 12


def steps(made: StateEstimator, images: np.ndarray, observations: dict[str, np.ndarray]) -> list:  # type: ignore[type-arg]
    made.reset()
    return [
        made.step(images[t : t + 1], {k: v[t : t + 1] for k, v in observations.items()}).vector[0]
        for t in range(len(images))
    ]


def test_an_episode_at_once_is_the_episode_frame_by_frame() -> None:
    made, images, observations = estimator(), frames(STEPS), robot(STEPS)
    whole = made.run(images, observations).vector
    np.testing.assert_allclose(whole, steps(made, images, observations), atol=1e-4)
    assert whole.dtype == np.float32


def test_the_state_does_not_know_the_future() -> None:
    made, images, observations = estimator(), frames(STEPS), robot(STEPS)
    other = {name: values.copy() for name, values in observations.items()}
    later = images.copy()
    later[6:] = 255 - later[6:]
    other["ee_pose"][6:, :3] += 1
    before, after = made.run(images, observations).vector, made.run(later, other).vector
    np.testing.assert_allclose(before[:6], after[:6], atol=1e-6)
    assert (np.abs(before[6:] - after[6:]).max(axis=1) > 1e-3).all()


def test_environments_of_a_batch_do_not_mix() -> None:
    made = estimator()
    images = np.stack([frames(STEPS, seed) for seed in range(3)], axis=1)  # (T, B, H, W, C)
    observations = [robot(STEPS, seed) for seed in range(3)]
    made.reset()
    together = [
        made.step(
            images[t], {k: np.stack([each[k][t] for each in observations]) for k in observations[0]}
        ).vector
        for t in range(STEPS)
    ]
    for i, each in enumerate(observations):
        alone = made.run(images[:, i], each).vector
        np.testing.assert_allclose([vector[i] for vector in together], alone, atol=1e-4)


def test_one_environment_begins_anew_and_the_others_go_on() -> None:
    made = estimator()
    images, observations = frames(STEPS), robot(STEPS)
    pair = {name: np.stack([values] * 2, axis=1) for name, values in observations.items()}
    found = []
    for t in range(STEPS):
        if t == 5:
            made.reset(np.array([True, False]))
        found.append(made.step(np.stack([images[t]] * 2), {k: v[t] for k, v in pair.items()}))
    vectors = np.stack([state.vector for state in found])
    whole = made.run(images, observations).vector
    late = made.run(images[5:], {name: values[5:] for name, values in observations.items()}).vector
    np.testing.assert_allclose(vectors[:, 1], whole, atol=1e-4)
    np.testing.assert_allclose(vectors[5:, 0], late, atol=1e-4)


def test_every_number_has_its_name() -> None:
    made, images, observations = estimator(front=perception(kept=[1, 3])), frames(8), robot(8)
    state = made.run(images, observations)
    named = dict(zip(made.names, state.vector.T, strict=True))
    np.testing.assert_allclose(named["joint_velocity 2"], observations["joint_velocity"][:, 2])
    np.testing.assert_allclose(named["ee_pose 6"], observations["ee_pose"][:, 6])
    seen = state.seen["front"]
    known = seen.estimate.known[:, 3]
    assert known.any()
    y, speed = seen.estimate.position[:, 3, 1], seen.estimate.velocity[:, 3, 0]
    np.testing.assert_allclose(named["front/points 3 y"][known], y[known], atol=1e-6)
    np.testing.assert_allclose(named["front/point_velocities 3 x"], speed, rtol=1e-5)
    assert "front/points 0 x" not in named
    layout = {part.name: part.size for part in made.layout}
    assert layout["front/points"] == layout["front/point_velocities"] == 4
    assert sum(layout.values()) == made.size == len(made.names)


def test_points_are_filtered_and_only_while_present() -> None:
    made, images = estimator(), frames(STEPS)
    seen = made.run(images, robot(STEPS)).seen["front"]
    assert 0 < seen.percept.present.mean() < 1
    expected = Filter(made.perceptions["front"].noise, 1 / RATE).run(
        seen.percept.places, seen.percept.present
    )
    np.testing.assert_allclose(seen.estimate.position, expected.position)


def test_a_point_never_seen_stands_at_its_usual_place() -> None:
    shy = perception(share=1e9)  # no mass is ever enough
    state = estimator(front=shy).run(frames(3), robot(3))
    assert not state.seen["front"].estimate.known.any()
    assert (state.vector[:, -16:-8] == 0.25).all()
    assert (state.vector[:, -8:] == 0).all()


def test_two_cameras_stand_side_by_side() -> None:
    made = estimator(front=perception(), side=perception(seed=1, kept=[2]))
    shown = {"side": frames(5, 1), "front": frames(5, 0), "top": frames(5, 2)}
    vector = made.run(shown, robot(5)).vector
    front = estimator(front=perception()).run(frames(5, 0), robot(5)).vector
    np.testing.assert_allclose(vector[:, : front.shape[1]], front, atol=1e-6)
    assert vector.shape[1] == front.shape[1] + 4
    with pytest.raises(DsaeError, match="frames are needed by camera: front, side"):
        made.run(frames(5), robot(5))
    with pytest.raises(DsaeError, match="no frames of camera 'side', only of front"):
        made.run({"front": frames(5)}, robot(5))


def test_a_code_without_points_has_no_presence_and_says_so() -> None:
    plain = perception("vae")
    made = estimator(front=plain)
    assert not plain.has_presence
    assert [part.name for part in made.layout][-2:] == ["front/code", "front/code_velocities"]
    assert made.names[-1] == "front/code_velocities 3 value"
    state = made.run(frames(6), robot(6))
    assert state.seen["front"].percept.mass is None
    assert state.seen["front"].estimate.known.all()


def test_a_camera_alone_makes_a_state() -> None:
    made = StateEstimator({"front": perception()}, (), RATE)
    assert made.run(frames(3)).vector.shape == (3, 16)


def test_what_does_not_fit_is_said() -> None:
    made = estimator()
    with pytest.raises(DsaeError, match="needs the observation 'joint_position', there is goal"):
        made.step(frames(1), {"goal": np.zeros((1, 2))})
    made.step(frames(2), robot(2))
    with pytest.raises(DsaeError, match="3 environments after 2: reset the estimator"):
        made.step(frames(3), robot(3))
    with pytest.raises(DsaeError, match=r"'joint_position' is of shape \(1, 3\), not \(2, 3\)"):
        made.step(frames(2), robot(1))
    with pytest.raises(DsaeError, match="no feature point is kept"):
        perception(kept=[])


@pytest.mark.parametrize("name", ["dsae", "vae"])
def test_an_artefact_holds_all_of_it(tmp_path, name: str) -> None:  # type: ignore[no-untyped-def]
    made = estimator(side=perception(name, kept=[0, 2]), front=perception(name, seed=1))
    artefact.save(tmp_path / artefact.STATE_FILE, made)
    loaded = artefact.load(tmp_path)
    assert loaded.layout == made.layout
    assert loaded.names == made.names
    shown = {"front": frames(5), "side": frames(5, 1)}
    np.testing.assert_array_equal(
        loaded.run(shown, robot(5)).vector, made.run(shown, robot(5)).vector
    )


def test_a_file_of_another_kind_or_damaged_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    checkpoint.save(tmp_path / "encoder.safetensors", perception().encoder)
    with pytest.raises(CheckpointError, match="of kind 'encoder', not 'state'"):
        artefact.load(tmp_path / "encoder.safetensors")
    tensors, header = artefact.describe(estimator())
    del tensors["front/usual"]
    with pytest.raises(CheckpointError, match="lacks or spoils 'usual'"):
        artefact.restore(tensors, header)


def test_loading_needs_no_more_than_loading_an_encoder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    artefact.save(tmp_path / artefact.STATE_FILE, estimator())
    code = (
        "import sys; from dsae.state import artefact; import numpy as np; "
        f"e = artefact.load({str(tmp_path)!r}); "
        "e.step(np.zeros((1, 24, 40, 3), np.uint8), {"
        "'joint_position': np.zeros((1, 3)), 'joint_velocity': np.zeros((1, 3)),"
        "'ee_pose': np.ones((1, 7))}); "
        "print([m for m in ('scipy', 'sklearn', 'cv2', 'yaml', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
