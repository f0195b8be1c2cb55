"""The formulas, in NumPy: what can't be computed is an `UnscoredError`, never a silent number.

Everywhere `target` is 1 for fake and 0 for real, and scores rise with fakeness.
"""

from fakescope.bench.metrics.bootstrap import Interval, bootstrap_interval
from fakescope.bench.metrics.decisions import balanced_accuracy, micro_f1, per_class_accuracy
from fakescope.bench.metrics.errors import UnscoredError, scored
from fakescope.bench.metrics.paired import delong, mcnemar
from fakescope.bench.metrics.ranking import auroc, average_precision, eer, roc_curve, tpr_at_fpr
from fakescope.bench.metrics.selective import aurc, risk_coverage
from fakescope.verdict.reliability import brier, ece, nll

__all__ = [
    "Interval",
    "UnscoredError",
    "aurc",
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "bootstrap_interval",
    "brier",
    "delong",
    "ece",
    "eer",
    "mcnemar",
    "micro_f1",
    "nll",
    "per_class_accuracy",
    "risk_coverage",
    "roc_curve",
    "scored",
    "tpr_at_fpr",
]
