"""The errors a user can meet. Each says what went wrong and what to do about it.

Whatever is the user's to mend is a `FakescopeError` and is shown as one line, without a traceback;
anything else is a fault of ours and keeps its traceback.
"""

from __future__ import annotations


class FakescopeError(Exception):
    """Base of all errors shown to people.

    Args:
        message: What went wrong, in one sentence.
        hint: What the reader can do about it; may be empty.
    """

    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ImageError(FakescopeError):
    """An image that cannot be examined: unreadable, truncated, too large, or not an image."""

    code = "image_error"


class ImageTooLargeError(ImageError):
    """An image over the limit of bytes or pixels; it was not decoded."""

    code = "image_too_large"


class ConfigError(FakescopeError):
    """A configuration file with faults; the message lists all of them."""

    code = "config_error"


class ModelError(FakescopeError):
    """A model that cannot be found, loaded or used for the question."""

    code = "model_error"


class DataError(FakescopeError):
    """A data file (records, labels, instructions) that does not hold what it must."""

    code = "data_error"


class MissingExtraError(FakescopeError):
    """A feature that needs an optional set of packages which is not installed."""

    code = "missing_extra"

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed", f"pip install 'fakescope[{extra}]'"
        )
