"""Build the conda recipe offline and run its tests: ``python -m tests.conda``, with py-rattler-build.

The packages that the recipe asks for come from a channel of what this environment has installed, in which
Python is a link to this interpreter. Conda's own builds of the dependencies are conda-forge's to try.
"""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import rattler_build
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import wheel

RECIPE = wheel.ROOT / "conda-recipe" / "recipe.yaml"
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
"""Packages that conda-forge has under another name than pip."""
SITE = "lib/python{}.{}/site-packages".format(*sys.version_info)


def needed_by(names: set[str]) -> dict[str, list[str]]:
    """Return what distributions and all that they need need in turn, as this environment has them."""
    needs: dict[str, list[str]] = {}
    while missing := names - needs.keys():
        for name in missing:
            parsed = map(Requirement, metadata.requires(name) or ())
            here = (each for each in parsed if not each.marker or each.marker.evaluate({"extra": ""}))
            needs[name] = [canonicalize_name(each.name) for each in here]
            names |= set(needs[name])
    return needs


def files_of(name: str) -> list[rattler_build.FileEntry]:
    """Return the files of an installed distribution, at their places in a conda environment."""
    entries = []
    for file in metadata.files(name) or ():
        if "__pycache__" not in file.parts and file.locate().is_file():
            outside = [part for part in file.parts if part != ".."]
            place = f"{SITE}/{file}" if len(outside) == len(file.parts) else "/".join(outside)
            entries.append(rattler_build.FileEntry.from_paths(file.locate(), place))
    return entries


def add_to(channel: Path, name: str, version: str, depends: list[str], **files: object) -> None:
    """Put a package into a channel."""
    target, options = channel / "linux-64", {"compression_level": 1, "detect_prefix": False}
    target.mkdir(parents=True, exist_ok=True)
    rattler_build.assemble_package(
        name, version, target.name, "0", target, depends=depends, **options, **files
    )


def local_channel(folder: Path, names: set[str]) -> Path:
    """Make a channel of this Python and of installed distributions with what they need."""
    channel, python = folder / "channel", folder / "python"
    (python / "bin").mkdir(parents=True)
    home = Path(sys.base_prefix) / "bin"
    # With this file a folder is an environment of Python, whose site-packages are its own.
    (python / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    for link in ("python", f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        (python / "bin" / link).symlink_to(home / "python3")
    add_to(channel, "python", platform.python_version(), [], files_dir=python)
    for name, needs in needed_by(names).items():
        depends = ["python", *(CONDA_NAMES.get(need, need) for need in needs)]
        add_to(channel, CONDA_NAMES.get(name, name), metadata.version(name), depends, files=files_of(name))
    return channel


def recipe_of(source: Path) -> str:
    """Return the recipe with a source archive of this checkout in the place of the published one."""
    published = f"url: {source.as_uri()}\n  sha256: {hashlib.sha256(source.read_bytes()).hexdigest()}"
    return re.sub(r"url: .*\n  sha256: .*", published, RECIPE.read_text(encoding="utf-8"), count=1)


def source_archive(folder: Path) -> Path:
    """Build the source archive that is published, offline."""
    wheel.source_tree(folder / "source")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(folder / "source")], check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def built(folder: Path, names: set[str]) -> dict[str, rattler_build.Package]:
    """Build the outputs of the recipe into a channel of `names`, and return them by name."""
    (folder / "recipe").mkdir()
    recipe = folder / "recipe" / "recipe.yaml"
    recipe.write_text(recipe_of(source_archive(folder)), encoding="utf-8")
    results = rattler_build.Stage0Recipe.from_file(recipe).run_build(
        output_dir=local_channel(folder, names), channels=[]
    )
    packages = (rattler_build.Package.from_file(file) for result in results for file in result.packages)
    return {package.name: package for package in packages}


def main() -> None:
    """Build both outputs, run their tests, and print what each holds."""
    lines = {"pip", "setuptools"}
    for output in yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["outputs"]:
        lines.update(line for line in output["requirements"]["run"] if "${{" not in line)
    pip_names = {conda: pip for pip, conda in CONDA_NAMES.items()}
    names = {pip_names.get(line.split()[0], line.split()[0]) for line in lines} - {"python"}
    with tempfile.TemporaryDirectory() as folder:
        for name, package in built(Path(folder), names).items():
            print(f"{name} {package.version}: {len(package.files)} files, depends on {package.depends}")
            for done in package.run_tests(channel=[(Path(folder) / "channel").as_uri()]):
                print(f"  test {done.test_index + 1}: {'passed' if done.success else 'failed'}", flush=True)
                if not done.success:
                    sys.exit("\n".join(done.output))


if __name__ == "__main__":
    main()
