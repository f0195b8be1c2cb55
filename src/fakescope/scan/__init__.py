"""Many images: load ahead, work in batches, keep the order, count what fails and go on."""

from fakescope.scan.pipeline import Outcome, scan

__all__ = ["Outcome", "scan"]
