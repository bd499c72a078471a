import dataclasses
import importlib
from pathlib import Path

import pytest
import yaml
from terminal import ROOT, VERBS, Made

from dsae.__main__ import main
from dsae.commands.options import parse


def saved_options(folder: Path) -> dict[str, object]:
    return yaml.safe_load((folder / "config.yaml").read_text())["options"]


def test_flags_override_the_file_and_the_file_the_defaults(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        f"encoder: vae\ndata: {made.data}\nsteps: 2\nbatch: 2\nseed: 3\nthreads: 1\n"
        f"learning_rate: 1e-4\nout: {tmp_path / 'run'}\nsettings: {{code: 8, beta: 2}}\n"
    )
    call = ["train", "--config", str(file), "--seed", "9", "--set", "beta=5"]
    assert main(call) == 0
    options = saved_options(tmp_path / "run")
    assert (options["encoder"], options["steps"], options["seed"]) == ("vae", 2, 9)
    assert options["learning_rate"] == 1e-4  # which YAML itself reads as text
    from dsae import load

    config = load(tmp_path / "run").config
    assert (config.code, config.beta) == (8, 5)


def test_names_on_the_command_line_override_those_of_the_file(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"encoder: vae\ndata: nowhere\nsteps: 1\nbatch: 1\nout: {tmp_path / 'run'}\n")
    assert main(["train", "dsae", str(made.data), "--config", str(file), "--threads", "1"]) == 0
    assert saved_options(tmp_path / "run")["encoder"] == "dsae"


def test_the_saved_options_can_be_run_again(made: Made, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    call = ["train", "dsae", str(made.data), "--steps", "2", "--batch", "2", "--threads", "1"]
    assert main([*call, "--seed", "4", "--set", "points=3", "--out", str(first)]) == 0
    file = tmp_path / "again.yaml"
    file.write_text(yaml.safe_dump(saved_options(first)))
    assert main(["train", "--config", str(file), "--out", str(again)]) == 0
    weights = [(folder / "encoder.safetensors").read_bytes() for folder in (first, again)]
    assert weights[0] == weights[1]


def test_every_configuration_that_is_shipped_fits_its_verb() -> None:
    for file in (ROOT / "configs").rglob("*.yaml"):
        verb = file.relative_to(ROOT / "configs").parts[0]
        assert verb in VERBS, file
        module = importlib.import_module(f"dsae.commands.{verb}{'_' * (verb == 'import')}")
        # A data set or a run may be left to the command line: any name will do here.
        names = [
            field.name
            for field in dataclasses.fields(module.Options)
            if field.metadata.get("positional")
        ]
        given = yaml.safe_load(file.read_text()) or {}
        places = [str(given.get(name, "anything")) for name in names]
        parse(module.Options, [*places, "--config", str(file)], verb=verb, about="")


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_an_empty_file_changes_nothing(text: str, tmp_path: Path) -> None:
    from dsae.commands.train import Options

    file = tmp_path / "empty.yaml"
    file.write_text(text)
    options = parse(Options, ["dsae", "data", "--config", str(file)], verb="train", about="")
    assert options == Options(encoder="dsae", data=Path("data"))
