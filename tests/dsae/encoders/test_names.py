import pytest

from dsae import encoders
from dsae.errors import EncoderError


def test_families_and_presets_are_listed() -> None:
    assert {"dsae", "dsae:finn2016", "vae", "vae:beta4"} <= set(encoders.names())


@pytest.mark.parametrize("name", ["nonsense", "dsae:nonsense", "dsae:", "", "vae:finn2016"])
def test_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(EncoderError) as caught:
        encoders.config(name)
    assert f"'{name}'" in str(caught.value)
    for known in encoders.names():
        assert known in str(caught.value)


def test_unknown_setting_lists_those_there_are() -> None:
    with pytest.raises(EncoderError, match=r"no setting 'pionts': it has points, trunk, decoder"):
        encoders.config("dsae", {"pionts": 8})


def test_settings_replace_the_presets_own() -> None:
    assert encoders.config("vae:beta4").beta == 4
    changed = encoders.config("vae:beta4", {"code": 8})
    assert (changed.beta, changed.code) == (4, 8)
    assert encoders.config("vae").beta == 1


def test_unknown_family_in_a_file_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"unknown encoder 'gone': choose from .*dsae.*vae"):
        encoders.restore("gone", {}, (32, 32, 3), {})
