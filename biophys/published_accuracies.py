"""Accuracies that papers print, by what was learned and by which method: percent."""

_METHODS = ("presynaptic", "none", "joint", "ewc", "bgd")
_ROWS = {
    "split_mnist": ((82.90, 0.01), (77.68, 0.31), (98.55, 0.10), (70.41, 4.20), (80.44, 0.45)),
    "split_fashion": ((91.98, 0.12), (88.76, 0.45), (97.67, 0.09), (76.89, 1.05), (89.54, 0.88)),
    "permuted_mnist": ((86.14, 0.67), (79.60, 0.43), (97.33, 0.08), (89.58, 0.53), (89.73, 0.52)),
    "permuted_fashion": ((75.92, 0.37), (72.13, 0.75), (87.33, 0.07), (77.44, 0.41), (78.45, 0.15)),
}
TASK_SEQUENCES: dict[str, dict[str, tuple[float, float]]] = {
    name: dict(zip(_METHODS, row, strict=True)) for name, row in _ROWS.items()
}
"""Mean final accuracy and standard error of three networks: Schug et al. 2021, appendix 1 table 1.

Settings of the last two methods, elastic weights and Bayesian gradient descent, were not published.
"""

CONTINUOUS_MNIST = (85.39, 0.6)
"""The same of presynaptic consolidation on Continuous permuted MNIST (methods)."""
