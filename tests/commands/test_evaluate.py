"""What `dsae evaluate` measures: known answers, no invented numbers, a table one can read."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from terminal import Made

from data.dataset import Dataset
from data.episode import Episode, write
from data.index import episode_path
from data.windows import Windows
from dsae import encoders
from dsae.__main__ import main
from dsae.commands.beside import beside
from dsae.commands.codes import Split, Truth
from dsae.commands.controls import controls
from dsae.commands.figures import table
from dsae.commands.measures import measure
from dsae.coordinates import to_points
from dsae.encoder import Batch, Encoder, Encoding
from dsae.metrics.disentanglement import disentanglement

Capture = pytest.CaptureFixture[str]
KEYPOINTS = {"end_effector", "block", "goal"}
SCORES = {"beta_vae", "factor_vae", "mig", "sap", "dci_disentanglement", "modularity"}


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def evaluated(folder: Path, out: Path, *more: object) -> dict[str, Any]:
    assert run("evaluate", folder, "--out", out, "--threads", "1", *more) == 0
    return json.loads(out.read_text(), parse_constant=refuse)


class Oracle(Encoder):
    """Knows every frame's true places, in pixels and metres, by heart; draws grey, if told where
    the robot is."""

    learns = False
    needs = frozenset({"robot"})

    def __init__(self, split: Split) -> None:
        height, width, channels = split.test.frame_shape
        robot = beside(split.test, self.needs)["robot"]
        super().__init__(None, (height, width, channels), robot_size=robot.shape[1])
        self.known = {
            image.tobytes(): np.hstack([to_points(pixels[:, :2], height, width), metres])
            for windows in split
            for image, pixels, metres in zip(
                windows.frames, windows.keypoints, windows.points, strict=True
            )
        }
        self.told: list[torch.Tensor] = []

    @property
    def feature_size(self) -> int:
        return 15

    def features_of(self, images: torch.Tensor) -> Encoding:
        raw = (images * 255).round().byte().permute(0, 2, 3, 1)
        truth = torch.from_numpy(np.stack([self.known[i.numpy().tobytes()] for i in raw])).float()
        return Encoding(truth.flatten(1), truth[..., :2])

    def loss(self, batch: Batch, generator: torch.Generator) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def decode(self, features: torch.Tensor, robot: torch.Tensor | None = None) -> torch.Tensor:
        assert robot is not None
        self.told.append(robot)
        return torch.full((len(features), 3, 8, 8), 0.5)


@pytest.fixture
def split(made: Made) -> Split:
    dataset = Dataset.open(made.data)
    return Split(Windows(dataset, episodes=(0, 1, 2, 3)), Windows(dataset, episodes=(4, 5)))


def test_an_encoder_that_knows_the_truth_has_no_error(split: Split) -> None:
    oracle = Oracle(split)
    figures = measure(oracle, split)
    assert set(figures["keypoints"]) == KEYPOINTS
    for index, name in enumerate(split.test.keypoint_names):
        row = figures["keypoints"][name]
        assert row["tracking_px"] == pytest.approx(0, abs=1e-3)
        assert row["point"] == index
        for probe in ("probe", "mlp_probe"):
            for unit in ("px", "mm"):  # four places of the goal leave a ridge regression some error
                assert row[f"{probe}_{unit}"] < 0.1 * row[f"constant_{unit}"]
        assert row["constant_px"] > 1
        assert not any(key.startswith("untrained") for key in row)  # nothing is learned
    points, state = figures["points"], figures["state"]
    assert points["tracked_share"] == points["tracked_share_sae_rl"] == 1
    assert points["keypoints_counted"] == 3
    assert points["dead"] == points["background"] == []
    assert points["mean_softmax_mass"] is None
    assert points["temporal_consistency"] == pytest.approx(points["truth_temporal_consistency"])
    assert points["following"] == [0, 1, 2]
    assert points["coverage"] > 3 * points["coverage_by_chance"]
    above = points["coverage"] - points["coverage_by_chance"]
    assert points["coverage_above_chance"] == pytest.approx(above)
    assert state["unit"] == "m"
    assert state["gtc_mean"] == pytest.approx(1, abs=1e-5)
    assert state["pixels_gtc_mean"] < 0.99
    assert set(state["gtc"]) <= {f"{name}_{axis}" for name in KEYPOINTS for axis in "xyz"}
    assert state["truth_knn_mse"] <= state["knn_mse"] < state["knn_mse_other_episodes"]
    assert figures["latent"] is None
    robot = beside(split.test, frozenset({"robot"}))["robot"]
    np.testing.assert_array_equal(torch.cat(oracle.told), robot)


def test_every_measure_is_there_and_is_the_same_again(made: Made, tmp_path: Path) -> None:
    first, second = (evaluated(made.dsae, tmp_path / f"{i}.json") for i in range(2))
    assert first.pop("encode_ms") > 0
    assert second.pop("encode_ms") > 0
    assert first == second
    assert first["parameters"] > 10_000
    assert first["code_size"] == 32
    drawn = first["reconstruction"]
    assert drawn["psnr"] == pytest.approx(-10 * np.log10(drawn["mse"]))
    assert drawn["foreground_psnr"] == pytest.approx(-10 * np.log10(drawn["foreground_mse"]))
    assert -1 < drawn["foreground_ssim"] < 1
    assert 0 < drawn["foreground_share"] < 0.3
    points = first["points"]
    kinds = [points[kind] for kind in ("dead", "duplicate", "background", "following")]
    assert sorted(itertools.chain(*kinds)) == list(range(16))
    assert points["count"] == 16
    for row in first["keypoints"].values():
        for unit in ("px", "mm"):
            for kind in ("probe", "mlp_probe", "untrained_probe", "pixels_probe", "constant"):
                assert row[f"{kind}_{unit}"] >= 0
    state = first["state"]
    assert 0 < state["untrained_gtc_mean"] <= 1
    assert state["knn_mse_other_episodes"] is None  # one episode is held out
    assert first["latent"] is None
    assert "disentanglement" not in first


def test_the_posterior_of_a_vae_is_measured(made: Made, tmp_path: Path, capsys: Capture) -> None:
    figures = evaluated(made.vae, tmp_path / "figures.json")
    latent = figures["latent"]
    assert len(latent["kl_per_dimension"]) == figures["code_size"]
    assert latent["kl"] == pytest.approx(sum(latent["kl_per_dimension"]))
    assert 0 <= latent["active_units"] <= figures["code_size"]
    assert figures["points"] is None
    assert "units active" in capsys.readouterr().out


def test_disentanglement_is_measured_on_request(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    figures = evaluated(made.vae, tmp_path / "figures.json", "--disentanglement")
    own, true = figures["disentanglement"], figures["truth_disentanglement"]
    assert set(own) == set(true) >= SCORES
    printed = capsys.readouterr().out.partition("disentanglement of the true coordinates")[2]
    row = next(line for line in printed.splitlines() if "dci informativeness" in line)
    values = [own["dci_informativeness"], true["dci_informativeness"]]
    assert row.split()[-2:] == [f"{value:.3f}" for value in values]


def test_disentanglement_is_learned_from_other_episodes_than_it_is_scored_on(split: Split) -> None:
    figures = measure(Oracle(split), split, disentangled=True)
    true = Truth.of(split)
    assert true is not None
    known = true.state
    assert known.train_values.shape == (len(split.train.frames), len(known.names))
    best = disentanglement(
        np.concatenate([known.train_values, known.values]),
        np.concatenate([known.train_values, known.values]),
        fitted=np.arange(len(split.train.frames) + len(split.test.frames))
        < len(split.train.frames),
    )
    assert figures["truth_disentanglement"] == best


def test_the_untrained_network_is_normalised_by_the_training_frames(split: Split) -> None:
    shape = split.train.frame_shape
    encoder = encoders.create("dsae", shape, seed=3)
    control = controls(encoder, split.train)["untrained"]
    seen: list[torch.Tensor] = []
    for module in control.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.momentum == 0.1
            module.register_forward_hook(lambda *args: seen.append(args[2]))
    control.encode(split.train.frames)
    assert seen
    for values in seen:
        assert values.mean((0, 2, 3)).abs().max() < 0.05
        assert (values.std((0, 2, 3)) - 1).abs().max() < 0.1
    assert not control.training
    fresh = encoders.create("dsae", shape, seed=0)
    for name, weight in fresh.trunk.named_parameters(prefix="trunk"):
        assert torch.equal(weight, control.get_parameter(name)), name  # nothing was learned


def recorded(folder: Path, *, truth: bool) -> Path:
    """Five episodes of a red square that moves over a grey ground, without places in metres."""
    folder.mkdir()
    for number in range(5):
        frames, keypoints = np.full((24, 32, 48, 3), 60, np.uint8), np.ones((24, 1, 3), np.float32)
        for t in range(24):
            x, y = 2 + (t + 5 * number) % 40, 4 + 5 * number
            frames[t, y : y + 6, x : x + 6] = (220, 30, 30)
            keypoints[t, 0, :2] = x + 2.5, y + 2.5
        more = {"keypoints": {"top": keypoints}, "keypoint_names": ("square",)} if truth else {}
        write(episode_path(folder, number), Episode(images={"top": frames}, **more))
    return folder


def test_data_without_ground_truth_is_measured_by_what_needs_none(tmp_path: Path) -> None:
    data, trained = recorded(tmp_path / "data", truth=False), tmp_path / "trained"
    steps = ["--steps", "3", "--batch", "2", "--threads", "1"]
    assert run("train", "dsae", data, *steps, "--out", trained) == 0
    figures = evaluated(trained, tmp_path / "figures.json", "--disentanglement")
    assert figures["keypoints"] == {}
    assert figures["disentanglement"] is figures["truth_disentanglement"] is None
    assert set(figures["state"]) == {"roughness", "white_noise_roughness"}
    assert not {"background", "following", "tracked_share"} & set(figures["points"])
    assert 0 <= figures["points"]["coverage"] <= 1
    assert figures["reconstruction"]["foreground_mse"] > 0


def test_ground_truth_in_pixels_alone_is_enough(tmp_path: Path) -> None:
    data, trained = recorded(tmp_path / "data", truth=True), tmp_path / "trained"
    steps = ["--steps", "3", "--batch", "2", "--threads", "1"]
    assert run("train", "vae", data, *steps, "--out", trained) == 0
    figures = evaluated(trained, tmp_path / "figures.json")
    assert figures["state"]["unit"] == "px"
    assert set(figures["state"]["gtc"]) == {"square_x"}  # an episode keeps to its row
    row = figures["keypoints"]["square"]
    assert row["constant_px"] > 5
    assert not any(key.endswith("_mm") for key in row)


def test_the_table_fits_and_leaves_a_gap_where_nothing_is_known(
    made: Made, tmp_path: Path, capsys: Capture
) -> None:
    figures = evaluated(made.dsae, tmp_path / "figures.json")
    printed = capsys.readouterr().out
    assert table(figures) in printed
    titles = ("reconstruction", "16 points", "error in pixels of 32", "error in mm", "state")
    assert all(f"\n{title}" in printed for title in titles)
    row = dict.fromkeys(next(iter(figures["keypoints"].values())))
    figures["keypoints"] = {f"keypoint_number_{i}": row for i in range(9)}
    figures["reconstruction"] = dict.fromkeys(figures["reconstruction"])
    lines = table(figures).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("linear probe" in line and "–" in line for line in lines) == 6
    assert all(f"keypoint_number_{i}" in "\n".join(lines) for i in range(9))
