"""Finished groups on disk; what a sweep makes of damaged and foreign ones is in test_sweep.py."""

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from biophys.sweeps.store import SweepStore, replica_key


@dataclass(frozen=True)
class Execution:
    dtype: str = "float64"


def squares(group, execution):
    return xr.Dataset({"square": ("replica", np.array([each["x"] ** 2.0 for each in group]))})


def test_what_is_added_is_found_by_its_settings(tmp_path):
    group = [{"x": 3}, {"x": 4}]
    SweepStore(tmp_path, squares, Execution()).add(group, squares(group, None))
    found = SweepStore(tmp_path, squares, Execution()).finished()
    assert {key: float(one.square) for key, one in found.items()} == {
        replica_key(each): each["x"] ** 2.0 for each in group
    }


def test_a_result_of_the_wrong_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="group of 2 needs the dimension replica"):
        SweepStore(tmp_path, squares, Execution()).add([{"x": 1}, {"x": 2}], squares([{"x": 1}], None))


def test_a_dimension_without_entries_is_refused_instead_of_written_unreadably(tmp_path):
    empty = xr.Dataset({"x": (("replica", "spike"), np.zeros((1, 0)))})
    with pytest.raises(ValueError, match="no dimension without entries"):
        SweepStore(tmp_path, squares, Execution()).add([{"x": 1}], empty)


def test_settings_are_one_text_whatever_their_order():
    assert replica_key({"a": np.int64(1), "b": "x"}) == replica_key({"b": "x", "a": 1})
    with pytest.raises(TypeError, match="numbers, text or truth values, got object"):
        replica_key({"a": object()})
