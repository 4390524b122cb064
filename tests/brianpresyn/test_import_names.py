"""The other packages by longer names, and foreign packages of the same names."""

import base64
import hashlib
import pickle
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import brianpresyn

ROOT = Path(__file__).resolve().parents[2]
HAS_PACKAGES = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "


def result_of(code: str, folder: Path, *, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run `code` in a new interpreter, in `folder`."""
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def printed(code: str, folder: Path) -> str:
    done = result_of(HAS_PACKAGES + code, folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


MODULES = (
    "biophys",
    "biophys.quantal",
    "biophys.information_efficiency",
    "rate_models",
    "rate_models.sweep",
    "rate_models.experiments.perceptron",
    "validation",
    "validation.registry",
)


@pytest.mark.parametrize(("first", "second"), [("", "brianpresyn."), ("brianpresyn.", "")])
def test_both_names_are_one_module(first, second, tmp_path):
    code = (
        "from importlib import import_module as get; import brianpresyn\n"
        f"for name in {MODULES}:\n"
        f"    one, other = get({first!r} + name), get({second!r} + name)\n"
        "    assert one is other and one.__name__ == one.__spec__.name == name, name\n"
        "    assert one.__spec__.parent == one.__package__, name\n"
        "print('same')"
    )
    assert printed(code, tmp_path) == "same"


def test_plain_import_of_a_module_in_a_package(tmp_path):
    code = (
        "import brianpresyn.rate_models.sweep\n"
        "import rate_models.sweep, rate_models\n"
        "print(brianpresyn.rate_models.sweep is rate_models.sweep, brianpresyn.rate_models is rate_models)"
    )
    assert printed(code, tmp_path) == "True True"


def test_packages_are_attributes_and_no_others_are(tmp_path):
    code = (
        "import brianpresyn\n"
        "print(brianpresyn.biophys.QuantalSynapse.__module__, hasattr(brianpresyn, 'nothing'), "
        "'torch' in sys.modules)"
    )
    assert printed(code, tmp_path) == "biophys.quantal False False"


def test_brian2_is_imported_when_its_synapses_are_used_first(tmp_path):
    """Its log file and its handler of errors are no business of those who use layers of torch."""
    code = (
        "import brianpresyn.biophys, brianpresyn.rate_models.nn, brianpresyn.validation\n"
        "print('brian2' in sys.modules, sys.excepthook is sys.__excepthook__, "
        "{*brianpresyn.__all__, '__version__'} <= {*dir(brianpresyn)})\n"
        "brianpresyn.synapses\n"
        "print('brian2' in sys.modules)"
    )
    assert printed(code, tmp_path) == "False True True\nTrue"


@pytest.mark.parametrize(
    "imports",
    [
        "import brianpresyn, brian2",
        "import brian2, brianpresyn",
        "import brianpresyn.counter_random",
        "import brianpresyn, importlib.util; importlib.util.find_spec('brian2'); import brian2.units",
    ],
)
def test_preferences_are_there_whoever_imports_brian2(imports, tmp_path):
    code = (
        f"{imports}\n"
        "from brian2 import prefs\n"
        "prefs.devices.brianpresyn.two_loops = False\n"
        "from brianpresyn.two_loops import TWO_LOOPS\n"
        "print(prefs[TWO_LOOPS])"
    )
    assert printed(code, tmp_path) == "False"


def test_names_are_those_of_eager_imports():
    everything = {}
    exec("from brianpresyn import *", everything)
    assert {*brianpresyn.__all__} == everything.keys() - {"__builtins__"}
    assert pickle.loads(pickle.dumps(brianpresyn.SpikingRun)) is everything["SpikingRun"]
    assert brianpresyn.spike_sweeps.SpikingRun is brianpresyn.SpikingRun
    with pytest.raises(ImportError, match="cannot import name 'synapse'"):
        exec("from brianpresyn import synapse")


def test_pickles_are_the_same_under_both_names(tmp_path):
    code = (
        "import pickle; from brianpresyn.biophys.release_plasticity import ReleasePlasticity as Longer\n"
        "from biophys.release_plasticity import ReleasePlasticity as Bare\n"
        "rule = pickle.loads(pickle.dumps(Longer()))\n"
        "print(type(rule) is Bare is Longer, rule == Bare(), b'brianpresyn' in pickle.dumps(Longer()))"
    )
    assert printed(code, tmp_path) == "True True False"


def test_module_that_is_missing_is_reported_as_missing(tmp_path):
    done = result_of(HAS_PACKAGES + "import brianpresyn.rate_models.nowhere", tmp_path)
    assert "No module named 'brianpresyn.rate_models.nowhere'" in done.stderr


def test_package_without_torch_says_how_to_get_it(tmp_path):
    done = result_of(HAS_PACKAGES + "sys.modules['torch'] = None; import brianpresyn.rate_models", tmp_path)
    assert "pip install 'brianpresyn[rate]'" in done.stderr


def test_module_runs_under_its_longer_name():
    command = [sys.executable, "-m", "brianpresyn.validation", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Usage: brianpresyn" in done.stdout


@pytest.mark.parametrize("file", ["biophys.py", "rate_models.py", "validation/__init__.py"])
def test_foreign_package_in_the_way_is_named(file, tmp_path):
    foreign, name = tmp_path / file, file.removesuffix(".py").removesuffix("/__init__")
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import brianpresyn.{name}"
    done = result_of(code, tmp_path)
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert f"import {name} finds {foreign}" in message, done.stderr
    assert "brianpresyn" in message


def test_command_line_names_the_foreign_package(tmp_path):
    (tmp_path / "validation.py").write_text("")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "from biophys.import_names import command_line; command_line()"
    )
    done = result_of(code, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"brianpresyn: import validation finds {tmp_path / 'validation.py'}")
    assert "Traceback" not in done.stderr


def test_command_line_runs(tmp_path):
    code = "sys.argv[1:] = ['--help']; from biophys.import_names import command_line; command_line()"
    assert printed(code, tmp_path).startswith("Usage: brianpresyn")


@pytest.mark.parametrize("is_replaced", [False, True])
def test_package_that_another_was_installed_over_is_named(is_replaced, tmp_path, monkeypatch):
    from biophys import import_names

    content = (ROOT / "validation" / "__init__.py").read_bytes()
    digest = hashlib.sha256(content + b"#" * is_replaced).digest()
    recorded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    installed = tmp_path / "brianpresyn-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: brianpresyn\nVersion: 1\n")
    (installed / "RECORD").write_text(f"validation/__init__.py,sha256={recorded},{len(content)}\n")
    distribution = metadata.Distribution.at(installed)
    monkeypatch.setattr(import_names.metadata, "files", lambda name: distribution.files)
    owners = {"validation": ["brianpresyn", "some-validation"]}
    monkeypatch.setattr(import_names.metadata, "packages_distributions", lambda: owners)
    if is_replaced:
        with pytest.raises(ImportError, match="was replaced when some-validation was installed"):
            import_names.package("validation")
    else:
        assert import_names.package("validation").__name__ == "validation"
