"""The label that a description states."""

import pytest

from fakescope.bench.stated import stated_label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("This image is fake.", "fake"),
        ("This image is fake because the hand has six fingers. A real photograph would show five.", "fake"),
        ("This image is real. Nothing looks artificial about the light.", "real"),
        ("The picture is probably real, although the tone is unrealistic.", "real"),
        ("This photograph is a genuine snapshot.", "real"),
        ("The image appears to be AI-generated.", "fake"),
        ("This image is most likely a synthetic portrait.", "fake"),
        ("This image is not real.", "fake"),
        ("This image is not fake.", "real"),
        ("This image isn't a real photograph.", "fake"),
        ("THIS IMAGE IS FAKE", "fake"),
        ("The image looks unrealistic.", "unstated"),
        ("A real photograph would show sharp edges.", "unstated"),
        ("If this image is real, the shadow should fall left.", "unstated"),
        ("It cannot be decided whether this image is fake or real.", "inconclusive"),
        ("The authenticity of this image is inconclusive.", "inconclusive"),
        ("It is hard to tell.", "inconclusive"),
        ("It is inconclusive whether this image is fake or real (probability of fake 0.52).", "inconclusive"),
        ("This image is fake. In the end this image is real.", "contradictory"),
        ("This image is not fake. This image is real.", "real"),
        ("The texture is real wood.", "unstated"),
        ("This image is really sharp.", "unstated"),
        ("This image is fake-looking.", "unstated"),
        ("", "unstated"),
        ("The sign in the image says real.", "unstated"),
    ],
)
def test_statements(text, label):
    assert stated_label(text) == label


def test_hostile_length_is_read_in_time():
    assert stated_label("this " * 50_000 + "image is fake") in ("fake", "unstated")
