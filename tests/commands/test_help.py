from pathlib import Path

import pytest
from terminal import VERBS, dsae

from dsae import __version__
from dsae.__main__ import main


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    output = capsys.readouterr().out
    assert f"usage: dsae {verb}" in output
    assert "Example:\n" in output
    example = output.partition("Example:\n")[2].splitlines()[0]
    assert example.startswith(f"    dsae {verb}")
    assert "--config FILE.yaml" in output


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_says_what_it_does(verb: str) -> None:
    import argparse
    import importlib

    from dsae.commands.options import _parser

    module = importlib.import_module(f"dsae.commands.{verb}{'_' * (verb == 'import')}")
    for action in _parser(module.Options, verb, "")._actions:
        assert isinstance(action, argparse.Action)
        assert action.help, f"{verb} {action.dest}"


def test_examples_name_only_flags_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        flags, _, about = capsys.readouterr().out.partition("Example:")
        example = about.strip().splitlines()[0]
        options = about.partition("options:")[2]
        for word in example.split():
            if word.startswith("--"):
                assert word in flags + options, f"{verb}: {word}"


def test_overview_in_a_real_process(tmp_path: Path) -> None:
    done = dsae(cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == [
        *VERBS
    ]
    assert dsae("--version", cwd=tmp_path).stdout == f"{__version__}\n"
    assert list(tmp_path.iterdir()) == []
