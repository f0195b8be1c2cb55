"""Texts in which nothing reads as a special token.

Trainers put the image where a text says `<image>`, and tokenizers turn `<|im_end|>`, `</s>` or `[INST]` into a single
token wherever it stands. A set is not trusted to be free of them: one such mark in an answer would shift the images of
a whole batch, or let a text speak in another role. Marks are kept readable, and broken by a space: `< image>`.
"""

from __future__ import annotations

import re

_MARK = re.compile(
    r"[<\uff1c\ufe64](?=[^\s<=])(?!\d+(?![\dA-Za-z_|]))"
    r"|\[(?=/?[A-Za-z_]{0,40}[A-Z]{3}[A-Z_]{0,40}\])|\{(?=\{)"
)
"""A sign that a mark may begin with: any `<` (wide ones too, which tokenizers may fold) that is directly followed by
something, and `[` before a word with capitals such as `[INST]`, `[/INST]`, `[IMG]`, `[gMASK]`, and `{{`, for
LLaMA-Factory takes `{{image}}` for an image. A plain number may follow `<`: answers tell regions as
`<7><24><13><31>`, and `<5 %` is arithmetic."""


def neutralised(text: str) -> tuple[str, int]:
    """The text with its marks broken, and how many there were.

    >>> neutralised("a <image> and <|im_end|>, 2 < 3")
    ('a < image> and < |im_end|>, 2 < 3', 2)
    """
    return _MARK.subn(lambda found: f"{found[0]} ", text)
