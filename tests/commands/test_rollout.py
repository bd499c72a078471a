"""A rollout that is killed on the way loses little and is gone on with."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
from terminal import ENVIRONMENT, Made, command, contents, dsae

EPISODES = 40


def test_a_killed_rollout_goes_on_after_its_episodes(made: Made, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    shutil.copytree(made.policy, policy)
    call = ("rollout", policy, "--episodes", EPISODES, "--workers", 1, "--out")
    process = subprocess.Popen(command(*call, tmp_path / "killed"), cwd=tmp_path, env=ENVIRONMENT)
    so_far = tmp_path / "killed" / "outcomes.json"
    begin = time.monotonic()
    while not so_far.exists():
        assert process.poll() is None
        assert time.monotonic() - begin < 120
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"

    rows = json.loads(so_far.read_text())
    assert 0 < len(rows) < EPISODES
    rows[0]["distance"] = None  # a mark, by which one sees that it is not rolled out again
    so_far.write_text(json.dumps(rows))
    again = dsae(*call, tmp_path / "killed", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert not so_far.exists()

    assert dsae(*call, tmp_path / "whole", cwd=tmp_path).returncode == 0
    killed, whole = (
        json.loads((tmp_path / name / "rollout.json").read_text())["outcomes"]
        for name in ("killed", "whole")
    )
    assert killed[0]["distance"] is None
    assert killed[1:] == whole[1:]
    assert len({row["distance"] for row in whole}) == EPISODES


def test_episodes_of_two_policies_are_not_mixed(made: Made, tmp_path: Path) -> None:
    policy, out = tmp_path / "policy", tmp_path / "out"
    shutil.copytree(made.policy, policy)
    call = ("rollout", policy, "--episodes", 1, "--workers", 1, "--out", out)
    assert dsae(*call, cwd=tmp_path).returncode == 0
    record = (out / "config.yaml").read_text()
    (out / "config.yaml").write_text(record.replace("finished: true", "finished: false"))
    weights = policy / "policy.safetensors"
    content = bytearray(weights.read_bytes())
    content[-4:] = np.float32(0.25).tobytes()
    weights.write_bytes(content)
    before = contents(out)
    refused = dsae(*call, cwd=tmp_path)
    assert refused.returncode == 2
    assert "the policy of" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert contents(out) == before
