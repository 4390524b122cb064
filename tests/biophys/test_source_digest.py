"""The digest of what made a result: it changes with what runs, and with nothing else."""

import importlib
import subprocess
import sys

import pytest

from biophys.source_digest import bare_source, digest_of, imported_modules, source_digest

SOURCE = '''
"""A module."""

import numpy as np  # arrays


def f(x):
    """Return x.

    Examples
    --------
    >>> f(1)
    1
    """

    # nothing to do
    return x + 1
'''


def test_comments_docstrings_and_blank_lines_do_not_count():
    other = (
        SOURCE.replace("Return x.", "Return it.").replace("# nothing to do", "# why").replace("\n\n\n", "\n")
    )
    assert bare_source(other) == bare_source(SOURCE)
    assert "# " not in bare_source(SOURCE) and '"""' not in bare_source(SOURCE)
    assert bare_source(SOURCE.replace("x + 1", "x + 2")) != bare_source(SOURCE)
    assert bare_source('s = "# no comment"  # one\n') == 's = "# no comment"'


def test_all_that_a_module_imports_counts_but_what_only_draws():
    modules = imported_modules("rate_models.experiments.energy_efficiency")
    assert {"rate_models.training", "rate_models.datasets", "biophys.release_plasticity"} <= set(modules)
    assert not [name for name in modules if name.endswith("figures") or name.startswith("validation")]
    assert "rate_models.experiments.lifelong" not in modules


def test_modules_imported_late_count_and_those_for_types_do_not():
    modules = imported_modules("validation.experiments.release_in_spikes")
    assert "rate_models.release_models" in modules and "brianpresyn.release" in modules
    assert "rate_models.experiments.lifelong" not in imported_modules("rate_models.continual_methods")


def test_what_a_package_imports_when_it_is_first_used_counts(tmp_path, monkeypatch):
    (tmp_path / "network_of_a_user.py").write_text("from brianpresyn import synapses\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("network_of_a_user")
    assert "brianpresyn.counter_random" in imported_modules("network_of_a_user")


def test_digest_is_the_same_in_another_process_and_differs_between_modules():
    code = "from biophys.source_digest import source_digest as d; print(d('biophys.quantal'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == source_digest("biophys.quantal") != source_digest("biophys.units")


def test_what_has_no_source_is_named_or_unknown():
    with pytest.raises(ValueError, match="the module no_such_module has no source file"):
        source_digest("no_such_module")
    assert digest_of(len) == "unknown"
