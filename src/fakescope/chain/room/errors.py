"""What can be refused in the review room, and why."""

from __future__ import annotations

from fakescope.errors import FakescopeError


class NotSignedInError(FakescopeError):
    """Nobody is signed in, or the link is not valid any more."""

    code = "not_signed_in"


class NotAllowedError(FakescopeError):
    """The person's role does not allow it."""

    code = "not_allowed"


class RefusedError(FakescopeError):
    """What was sent cannot be kept: it does not fit what is known of the item."""

    code = "refused"


class GoneError(FakescopeError):
    """The item is not there, or not this person's to see."""

    code = "not_found"
