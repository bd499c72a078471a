"""What the verbs make of each other's results, made once: small, but by the real commands."""

import os
import sys
from pathlib import Path

import pytest
import torch

from dsae.__main__ import main
from dsae.commands import opengl

opengl.ensure()  # before any test imports mujoco, which reads its choice then
torch.set_num_threads(1)
# For `terminal`, by its plain name.
sys.path.insert(0, str(Path(__file__).parent))

from terminal import Made  # noqa: E402


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    made = Made(*(folder / name for name in Made._fields))
    before = Path.cwd()
    os.chdir(folder)
    common = ["--threads", "1"]
    episodes = ["--workers", "0", "--max-steps", "25"]
    calls = [
        ["collect", "push", "--episodes", "6", "--size", "32", *episodes, "--out", made.data],
        ["collect", "push", "--episodes", "2", "--size", "24x40", *episodes, "--out", made.small],
        ["train", "dsae", made.data, "--steps", "4", "--batch", "2", *common, "--out", made.dsae],
        ["train", "vae", made.data, "--steps", "4", "--batch", "2", *common, "--out", made.vae],
        ["learn", "bc", "push", "--data", made.data, "--state", "blind", *common, "--out",
         made.policy, "--set", "epochs=2", "hidden=8"],
    ]  # fmt: skip
    try:
        for call in calls:
            assert main([str(part) for part in call]) == 0, call
    finally:
        os.chdir(before)
    return made
