"""Every command of the README, run as it stands there, only smaller."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dsae import overlay

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALLER = {
    "collect": ["--episodes", "6", "--workers", "2"],
    "train": ["--steps", "3", "--batch", "2", "--threads", "1"],
    "compare": ["--encoders", "dsae,vae,pca", "--minutes", "0.01", "--seeds", "0", "--slots", "1"],
    "state": ["--threads", "1", "--set", "prune=false"],
    "learn lqr_flm": ["--set", "iterations=2", "rollouts=2"],
    "--encoder": ["--images", "20", "--encoder-steps", "600"],
    "learn": ["--threads", "1", "--set", "epochs=1"],
    "benchmark": ["--states", "oracle,dsae", "--seeds", "1", "--slots", "1", "--quick"],
    "rollout": ["--episodes", "2", "--workers", "1", "--video-episodes", "1"],
}

MADE = (
    "lab.gif",
    "push.png",
    "runs/train/push-dsae/overlay.mp4",
    "push.mp4",
    "samples.png",
    "codes.png",
    "filters.png",
    "state.mp4",
    "runs/state/push-dsae/goal.png",
    "push.onnx",
    "runs/compare/push/report.html",
    "runs/benchmark/bc/report.html",
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("dsae ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's folder with a video of their own in it."""
    folder = tmp_path_factory.mktemp("person")
    frames = np.full((60, 64, 80, 3), 90, np.uint8)
    for t, frame in enumerate(frames):
        frame[20:30, t : t + 10] = (250, 40, 40)
    overlay.write(folder / "lab.mp4", frames, fps=20)
    return folder


@pytest.mark.slow
def test_the_readme_s_commands_work_in_the_order_of_a_day(folder: Path) -> None:
    given = commands()
    assert len(given) >= 12
    for words in given:
        learner = SMALLER.get(" ".join(words[1:3]))
        loop = SMALLER["--encoder"] if "--encoder" in words else []
        small = [*words, *(learner or SMALLER.get(words[1], [])), *loop]
        done = subprocess.run(
            [sys.executable, "-m", *small], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(small)}: {done.stderr}"
    for made in MADE:
        assert (folder / made).stat().st_size > 0
    encoding, estimating = blocks("python")
    encoding += "\nassert points.shape == pixels.shape == (5, 16, 2) and state.shape == (5, 32)"
    given = "import numpy as np; frames = np.zeros((2, 64, 64, 3), np.uint8); "
    given += "pose = np.ones((2, 7)); q = dq = np.zeros((2, 7))\n"
    estimating = given + estimating + "\nassert state.vector.shape == (2, len(estimator.names))"
    for python in (encoding, estimating):
        subprocess.run([sys.executable, "-c", python], cwd=folder, check=True)


def test_the_readme_names_the_make_targets_there_are() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.rglob("docs/**/*.md"),
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert link.startswith("http") or (page.parent / link).exists(), link
