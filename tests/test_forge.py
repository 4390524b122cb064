"""The files that a forge, its robots and other people's tools read."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SCHEMAS = {
    "github-workflows": [".github/workflows/*.yml"],
    "github-issue-forms": [".github/ISSUE_TEMPLATE/[!c]*.yml", ".github/ISSUE_TEMPLATE/claim.yml"],
    "github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "dependabot": [".github/dependabot.yml"],
    "readthedocs": [".readthedocs.yaml"],
    "citation-file-format": ["CITATION.cff"],
}
TEXT = {".cff", ".in", ".md", ".py", ".rst", ".toml", ".txt", ".yaml", ".yml", ".bib", ".cfg"}


def schema_errors(schema: str, *files: Path) -> str:
    """Return what a schema that comes with check-jsonschema, offline, finds wrong with the files."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run(
        [*command, "--default-filetype", "yaml", *map(str, files)], capture_output=True, text=True
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_fit_their_schema(schema):
    pytest.importorskip("check_jsonschema")
    files = [file for pattern in SCHEMAS[schema] for file in ROOT.glob(pattern)]
    assert files
    assert not schema_errors(schema, *files)


def test_schema_finds_a_misspelt_workflow(tmp_path):
    pytest.importorskip("check_jsonschema")
    wrong = tmp_path / "tests.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on", "run-on"))
    assert "run-on" in schema_errors("github-workflows", wrong) or "runs-on" in schema_errors(
        "github-workflows", wrong
    )


def steps_of(workflow: Path) -> list[tuple[str, dict]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [(name, step) for name, job in jobs.items() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_name_their_version(workflow):
    lines = re.findall(r"uses: (.*)", workflow.read_text())
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v[\d.]+", line)]


def test_an_action_is_the_same_version_everywhere():
    lines = {line for file in WORKFLOWS for line in re.findall(r"uses: (.*)", file.read_text())}
    assert len(lines) == len({line.split("@")[0] for line in lines})


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_have_the_rights_that_they_need_and_no_others(workflow):
    document = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert document["permissions"] == {}
    more = {"publish": {"id-token": "write"}, "announce": {"contents": "write"}}
    for name, job in document["jobs"].items():
        assert job["permissions"] == more.get(name, {"contents": "read"}), name
        assert 0 < job["timeout-minutes"] <= 60
    for name, step in steps_of(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name
        # What others write (titles, branches) must not become part of a command.
        assert "github.event" not in step.get("run", ""), name
        assert "secrets." not in str(step), name


def test_every_supported_python_and_system_is_tested():
    matrix = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]["tests"]["strategy"]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    supported = {line.split(" :: ")[-1] for line in classifiers if re.search(r":: 3\.\d+$", line)}
    assert set(matrix["matrix"]["python"]) == supported
    systems = matrix["matrix"]["os"]
    assert {system.split("-")[0] for system in systems} == {"ubuntu", "macos", "windows"}
    assert {entry["os"] for entry in matrix["matrix"]["include"]} == set(systems)


def test_commands_of_the_workflows_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    commands = [step["run"] for file in WORKFLOWS for _, step in steps_of(file) if "run" in step]
    for command in commands:
        for line in re.findall(r"^make (.*)", command, re.MULTILINE):
            assert {word for word in line.split() if "=" not in word} <= targets, command
        for wanted in re.findall(r"\.\[([\w,]+)\]", command):
            assert set(wanted.split(",")) <= set(extras), command
        for path in re.findall(r"(?:tests/|\.ci/)[\w/.]+", command):
            assert (ROOT / path).exists(), command
    assert "make lint types test" in (ROOT / ".ci/run").read_text()


def test_marks_of_the_contributing_page_are_those_of_pytest():
    marks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {mark.split(":")[0] for mark in marks}


def test_hooks_have_the_pinned_versions():
    pinned = set((ROOT / "constraints.txt").read_text().splitlines())
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    wanted = {requirement for hook in hooks for requirement in hook["additional_dependencies"]}
    assert wanted and wanted <= pinned


def texts() -> dict[str, str]:
    """Return every tracked text by its path; where there is no git, every text outside hidden folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not in a git repository")
    paths = [ROOT / name for name in listed.stdout.split("\0") if Path(name).suffix in TEXT]
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths if path.exists()
    }


def test_placeholders_stand_where_the_page_about_them_says():
    files = texts()
    page = files["docs/README.md"]
    about = {"docs/README.md", "tests/test_forge.py"}
    for word, cells in re.findall(r"^\| `([A-Z\d]+)` \|.*\| (.*) \|$", page, re.MULTILINE):
        # Only addresses, or words of their own: data have a column CONTACT, hashlib a class SHA256.
        sought = rf"(?:github\.com|/gh)/{word}/" if word == "OWNER" else rf"\b{word}\b"
        holding = {name for name, text in files.items() if re.search(sought, text)} - about
        assert holding == set(re.findall(r"`([^`]+)`", cells)), word


def test_addresses_are_those_of_the_metadata():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    repository, documentation = urls["Repository"], urls["Documentation"]
    for name, text in texts().items():
        for address in re.findall(r"https://github\.com/[\w-]+/brianpresyn\b", text):
            assert address == repository, name
        for address in re.findall(r"https://[\w.-]*brianpresyn[\w-]*\.readthedocs\.io", text):
            assert address == documentation, name


def release_notes(
    tmp_path: Path, tag: str, *, heading: str, version: str = "1.2.0"
) -> subprocess.CompletedProcess:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "brianpresyn").mkdir()
    (tmp_path / ".ci" / "release_notes").write_text((ROOT / ".ci" / "release_notes").read_text())
    (tmp_path / "brianpresyn" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n{heading}\n\n- New: this.\n\n## 1.1.0 (2026-01-01)\n\n- Old.\n"
    )
    command = [sys.executable, str(tmp_path / ".ci" / "release_notes"), tag]
    return subprocess.run(command, capture_output=True, text=True)


def test_release_notes_are_the_newest_section(tmp_path):
    done = release_notes(tmp_path, "v1.2.0", heading="## 1.2.0 (2026-02-01)")
    assert (done.returncode, done.stdout) == (0, "- New: this.\n")


@pytest.mark.parametrize(
    "tag, heading, message",
    [
        ("v1.3.0", "## 1.2.0 (2026-02-01)", "brianpresyn.__version__ is 1.2.0"),
        ("v1.2.0", "## 1.3.0 (2026-02-01)", "CHANGELOG.md begins with 1.3.0"),
        ("v1.2.0", "## 1.2.0 (unreleased)", "no date"),
    ],
)
def test_release_that_is_not_ready_is_refused(tag, heading, message, tmp_path):
    done = release_notes(tmp_path, tag, heading=heading)
    assert done.returncode == 1
    assert message in done.stderr
