"""Adding a learner is adding one file."""

import json
import shutil
from pathlib import Path

import pytest
from terminal import ROOT, Made, with_package

FILE = '''"""An affine map of the state to the action, by least squares."""

from dataclasses import dataclass

import numpy as np
import torch

from policies import actor


@dataclass(frozen=True, kw_only=True)
class Config:
    """How it is held."""

    ridge: float = 1e-3
    """Weight of the squared coefficients."""


NEEDS_DATA = True
SMALL = Config()


class Actor(actor.Actor):
    """a = (s, 1) W."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.outputs = outputs
        self.register_buffer("weight", torch.zeros(inputs + 1, outputs))

    def act(self, states):
        return np.insert(states, states.shape[1], 1, axis=1) @ self.weight.numpy()

    def description(self):
        return {"inputs": len(self.weight) - 1, "outputs": self.outputs}


def check(state):
    """Any state will do."""


def learn(problem, config):
    shown, state = problem.demonstrations()
    inputs = np.insert(shown.states, state.size, 1, axis=1).astype(float)
    square = inputs.T @ inputs + config.ridge * np.eye(state.size + 1)
    actor = Actor(state.size, shown.actions.shape[1])
    actor.weight.copy_(torch.from_numpy(np.linalg.solve(square, inputs.T @ shown.actions)))
    problem.log(1, {"samples": float(len(shown.states))})
    return problem.policy(state, actor.eval())
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one more file in it."""
    folder = tmp_path_factory.mktemp("package")
    unread = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "policies", folder / "policies", ignore=unread)
    (folder / "policies" / "learners" / "affine.py").write_text(FILE, encoding="utf-8")
    return folder


def test_a_file_dropped_into_the_folder_is_a_learner(made: Made, package: Path) -> None:
    unknown = with_package(package, "learn", "nonesuch", "push", "--data", made.data)
    assert unknown.returncode == 2
    assert "choose from affine, bc, lqr_flm" in unknown.stderr
    misset = with_package(
        package, "learn", "affine", "push", "--data", made.data, "--set", "rigde=1"
    )
    assert misset.returncode == 2
    assert "ridge" in misset.stderr

    learned = ("learn", "affine", "push", "--data", made.data, "--state", made.dsae)
    done = with_package(package, *learned, "--set", "ridge=0.1", "--out", "policy")
    assert done.returncode == 0, done.stderr
    rolled = with_package(package, "rollout", "policy", "--episodes", 2, "--workers", 1)
    assert rolled.returncode == 0, rolled.stderr

    compared = with_package(
        package, "benchmark", "--learner", "affine", "--states", "oracle,dsae+state", "--seeds", 1,
        "--quick", "--size", 32, "--slots", 1, "--out", "compared",
    )  # fmt: skip
    assert compared.returncode == 0, compared.stdout + compared.stderr
    results = json.loads((package / "compared" / "results.json").read_text())
    assert results["learner"] == "affine"
    assert results["settings"] == {"ridge": 0.001}
    assert set(results["results"]["push"]) == {"oracle", "dsae+state"}
