"""The check of an installation notices a wrong generator."""

import numpy as np
import pytest

import brianpresyn
from brianpresyn.experiments import release_statistics


def test_right_statistics_pass_and_wrong_ones_do_not(monkeypatch, capsys):
    result = release_statistics.run(release_statistics.QUICK)
    monkeypatch.setattr(release_statistics, "run", lambda config: result)
    assert brianpresyn.test(["numpy", "cython"])
    swapped = result.assign(mean=result["mean"] * np.where(result.release == "binomial", 1.1, 1.0))
    monkeypatch.setattr(release_statistics, "run", lambda config: swapped)
    assert not brianpresyn.test(["numpy"])
    assert "8 release models agree with their moments, 8 do not" in capsys.readouterr().out


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match="targets must be some of"):
        brianpresyn.test(["opencl"])
