"""The list of encoders."""

import dataclasses

import pytest

from dsae import encoders
from dsae.__main__ import main


def test_every_encoder_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoders"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(encoders.names())
    assert all(len(line.split()) > 1 for line in lines)
    (beta4,) = (line for line in lines if line.startswith("vae:beta4"))
    assert beta4.split() == ["vae:beta4", "beta=4"]


@pytest.mark.parametrize("name", encoders.names())
def test_one_encoder_says_its_source_and_every_setting(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["encoders", name]) == 0
    about, _, settings = capsys.readouterr().out.partition("\nsettings:\n")
    assert about.strip()
    rows = [line.strip() for line in settings.splitlines()]
    fields = dataclasses.fields(encoders.config(name))
    assert [row.split(" = ")[0] for row in rows] == [field.name for field in fields]
    assert all(row.rpartition(": ")[2] for row in rows)


def test_an_unknown_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encoders", "nonesuch"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "vae:beta4" in error
