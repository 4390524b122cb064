"""Forgetting and transfer, by hand on small tables."""

import numpy as np
import pytest

from rate_models.forgetting import backward_transfer, final_accuracy, forgetting, forward_transfer

# Rows: after 0, 1, 2, 3 tasks; columns: tasks.
TABLE = np.array([[0.1, 0.2, 0.3], [0.9, 0.3, 0.2], [0.95, 0.8, 0.5], [0.6, 0.7, 0.9]])


def test_measures_by_hand():
    assert final_accuracy(TABLE).item() == pytest.approx((0.6 + 0.7 + 0.9) / 3)
    # Task 1 was best after the second task, so forgetting counts more than backward transfer does.
    assert forgetting(TABLE).item() == pytest.approx(((0.95 - 0.6) + (0.8 - 0.7)) / 2)
    assert backward_transfer(TABLE).item() == pytest.approx(((0.6 - 0.9) + (0.7 - 0.8)) / 2)
    assert forward_transfer(TABLE).item() == pytest.approx(((0.3 - 0.2) + (0.5 - 0.3)) / 2)


def test_leading_axes_are_kept():
    tables = np.stack([TABLE, TABLE + 0.01])[:, None]
    for measure in (final_accuracy, forgetting, backward_transfer, forward_transfer):
        assert measure(tables).shape == (2, 1)
        assert measure(tables)[0, 0] == pytest.approx(measure(TABLE).item())


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(\.\.\., n_tasks \+ 1, n_tasks\).*got \(3, 3\)"):
        final_accuracy(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="at least 2 tasks"):
        forgetting(np.zeros((2, 1)))
