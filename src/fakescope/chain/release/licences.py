"""Which images may be copied into a release."""

from __future__ import annotations

import re

_FREE = re.compile(
    r"mit|apache[- ]?2(\.0)?|bsd([- ][023][- ]clause)?|isc|cc0([- ]1\.0)?|public domain|pdm([- ]1\.0)?"
    r"|cc[- ]by([- ]sa)?([- ][1-4]\.[05])?"
)
"""Free licences: copies are allowed to anybody for any purpose, with attribution where they ask for it."""


def may_ship(licence: str) -> bool:
    """Whether a licence allows anybody to copy the image, changed or not.

    Everything that is not known to allow it does not: no licence, non-commercial, no derivatives, and any licence with
    words added to it, such as "MIT (web images)". Of alternatives with a slash between them each must allow it.
    """
    return all(_FREE.fullmatch(part.strip()) for part in licence.lower().split("/"))
