"""What the documentation shows works as shown, and names what exists."""

import ast
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest

from validation.cli import commands
from validation.registry import all_claims
from validation.runs import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FOLDERS = (DOCS, DOCS / "how_to", DOCS / "papers", DOCS / "results")
PAGES = sorted(page for folder in FOLDERS for page in folder.glob("*.md"))
SHELL_PAGES = [ROOT / "README.md", *PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def lines_with(command: str) -> list[tuple[str, str]]:
    """Return page and line of every command in a shell block, without its comment."""
    return [
        (page.name, line.split("  #")[0].strip())
        for page in SHELL_PAGES
        for block in blocks(page, "sh")
        for line in block.splitlines()
        if line.startswith(f"{command} ")
    ]


def name_of(page: Path) -> str:
    return page.stem


@pytest.mark.parametrize(
    "page", sorted(set((DOCS / "how_to").glob("*.md")) - {DOCS / "how_to" / "index.md"}), ids=name_of
)
def test_a_how_to_opens_with_a_figure_of_the_gallery(page):
    figure = r"```{image} /gallery/(\w+)/images/sphx_glr_(\w+)_001.png\n:alt: .{20,}\n"
    opening = rf"# .+\n\n{figure}:target: ../gallery/\1/\2.html\n"
    shown = re.match(opening, page.read_text(encoding="utf-8"))
    assert shown and (DOCS / "examples" / shown[1] / f"{shown[2]}.py").exists()


WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]


def test_most_how_tos_show_python():
    names = {page.stem for page in WITH_PYTHON}
    how_tos = {page.stem for page in (DOCS / "how_to").glob("*.md")} - {"index"}
    assert how_tos <= names
    assert {"get_started", "synapse_model"} <= names


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    # Brian2 reads preferences from the working directory: small networks are not worth compiling.
    (tmp_path / "brian_preferences").write_text("codegen.target = 'numpy'\n")
    (tmp_path / "page.py").write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    done = subprocess.run([sys.executable, "page.py"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "line"), lines_with("brianpresyn"))
def test_command_line_is_understood(page, line, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "results").mkdir(parents=True)
    command, arguments = commands, shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group):
        name, *arguments = arguments
        assert name in command.commands, f"{page}: {line}"
        command = command.commands[name]
    for option, name in pairwise(arguments):
        if option == "--data":
            (tmp_path / name).touch()
    context = command.make_context(command.name, list(arguments))
    claims = context.params.get("claims")
    # Claims of one's own are those of the file that the line names.
    assert set((claims or "S01").split(",")) <= set(all_claims()) or context.params.get("plugins")
    if command.name == "ann":
        assert context.params["name"] in EXPERIMENTS


@pytest.mark.parametrize(("page", "line"), lines_with("make"))
def test_make_target_exists(page, line):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert line.split()[1] in targets


def test_every_claim_appears_on_one_page():
    shown = [
        claim
        for page in PAGES
        for block in re.findall(r"```\{measured\} (.*)", page.read_text())
        for claim in block.split()
    ]
    assert sorted(shown) == sorted(all_claims())


def test_links_between_pages_lead_somewhere():
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:)([^)#]+\.(?:md|rst))\)", page.read_text())
        # The gallery is written when the site is built.
        if "gallery/" not in target and not (page.parent / target).exists()
    ]
    assert not missing


def test_tests_named_on_pages_exist():
    functions = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", page.read_text())}
    assert len(named) > 50
    assert named <= functions


def test_links_to_examples_lead_to_examples():
    examples = {
        path.relative_to(DOCS / "examples").with_suffix("") for path in (DOCS / "examples").rglob("*.py")
    }
    targets = {
        Path(target)
        for page in PAGES
        for target in re.findall(r"gallery/(\w+/\w+)\.(?:rst|html)", page.read_text())
    }
    assert targets
    assert targets <= examples


EXAMPLES = sorted((DOCS / "examples").rglob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_example_is_short_and_says_what_it_shows(path):
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    title, underline, *_ = docstring.splitlines()
    assert set(underline) == {"="} and len(underline) >= len(title)
    assert len(text.splitlines()) <= 110
    assert text.count("plt.subplots(") == 1
    assert text.rstrip().endswith("plt.show()")


def test_every_example_has_its_place_in_the_order():
    order = re.search(r"ORDER = \((.*?)\n\)", (DOCS / "conf.py").read_text(), re.DOTALL).group(1)
    assert set(re.findall(r'"(\w+)"', order)) == {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES, *EXAMPLES], ids=name_of)
def test_packages_are_imported_by_the_names_that_no_other_package_takes(path):
    if path.stem == "add_a_synapse":
        pytest.skip("shows a module of the package")
    bare = re.findall(
        r"^\s*(?:>>> )?((?:from|import) (?:biophys|rate_models|validation)\b.*)",
        path.read_text(),
        re.MULTILINE,
    )
    assert not bare
