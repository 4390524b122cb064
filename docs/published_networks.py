"""Measure the published networks of the gallery and write the page with their table.

``python docs/published_networks.py`` runs what the stored results lack, seed by seed, and writes the page.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples" / "networks"
RESULTS = HERE / "results" / "published_networks.json"
PAGE = HERE / "networks.md"

HEADER = """\
# Published networks

Fifteen networks from papers, each written anew as one short file of the
[gallery](gallery/index.rst), with ordinary Brian2 synapses and with those of this package. *Same
spikes*: all spikes of all cells are the same, at the same times, when nothing fails (p = 1, or the mean in
place of vesicles), for every seed; with the number of spikes compared. The last columns say what failures
change: mean and standard deviation over the seeds of connections, inputs and releases. They belong to the
networks as cut for the gallery; each example says whether a synapse that fails keeps its mean or its quantum.

| network | paper | same spikes | what is measured | without failures | with failures | seeds |
|---|---|---|---|---|---|---|
"""


def definitions(path: Path) -> dict[str, Any]:
    """Return the names that the first block of an example defines, without running the others."""
    names: dict[str, Any] = {"__name__": path.stem}
    exec(
        compile(path.read_text(encoding="utf-8").split("\n# %%\n")[0], path, "exec"), names
    )
    return names


def releases(network: dict[str, Any]) -> tuple[Any, Any]:
    """Return how a network releases without and with failures."""
    return network.get("RELIABLE", 1.0), network["UNRELIABLE"]


def measured(path: Path, seed: int) -> dict[str, Any]:
    """Return what one seed of a network gives: without the package, without failures, with them."""
    from brianpresyn.spikes import same_spikes

    network = definitions(path)
    reliable, unreliable = releases(network)
    plain = network["simulate"](None, seed=seed)
    sure, unsure = (
        network["simulate"](release, seed=seed) for release in (reliable, unreliable)
    )
    return {
        "same": same_spikes(plain[0], sure[0]),
        "n_spikes": int(plain[0].num_spikes),
        "without": float(sure[1]),
        "with": float(unsure[1]),
    }


def row(path: Path, results: dict[str, dict[str, Any]]) -> str:
    """Return the row of a network in the table."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, source = docstring.splitlines()[0], " ".join(docstring.split("\n\n")[2].split())
    authors = re.match(r".*?\((?:19|20)\d\d\)", source)[0]
    paper = f"[{authors}](https://doi.org/{re.search(r'doi:(10[.][^ ]+?)[.,;]?(?: |$)', source)[1]})"
    network = constants(path)
    values = {
        key: spread([result[key] for result in results.values()])
        for key in ("without", "with")
    }
    n_same = sum(result["same"] for result in results.values())
    n_spikes = sum(result["n_spikes"] for result in results.values())
    same = f"yes, {n_spikes:,}" if n_same == len(results) else f"{n_same} of {len(results)}"
    how = network["UNRELIABLE"]
    condition = how if isinstance(how, str) else f"p = {how}"
    return (
        f"| [{title}](gallery/networks/{path.stem}.rst) | {paper} | {same} | {network['MEASURED']} | "
        f"{values['without']} | {condition}: {values['with']} | {len(results)} |"
    )


def constants(path: Path) -> dict[str, Any]:
    """Return what an example says of itself in ``MEASURED`` and ``UNRELIABLE``, without running it."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            text = ast.unparse(node)
            if text.startswith(("MEASURED", "UNRELIABLE", "RELIABLE")):
                exec(text, found)
    return found


def spread(values: list[float]) -> str:
    """Return mean and standard deviation in as many digits as the latter allows."""
    mean, sd = np.mean(values), np.std(values, ddof=1) if len(values) > 1 else 0.0
    digits = int(np.clip(2 - np.ceil(np.log10(sd or abs(mean) or 1.0)), 0, 3))
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def page(results: dict[str, dict[str, Any]]) -> str:
    """Return the page that shows the results."""
    rows = [row(path, results[path.stem]) for path in networks() if results.get(path.stem)]
    return HEADER + "\n".join(rows) + "\n"


def networks() -> list[Path]:
    """Return the examples, by name."""
    return sorted(EXAMPLES.glob("*.py"))


def stored() -> dict[str, dict[str, Any]]:
    """Return the stored results by network and seed."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def main() -> None:
    """Measure what is missing, keep it, and write the page."""
    import brian2

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--network", action="append", help="measure this one again")
    arguments = parser.parse_args()
    brian2.prefs.codegen.target = "numpy"
    results = stored()
    for name in arguments.network or ():
        results.pop(name, None)
    for seed in range(1, arguments.seeds + 1):
        for path in networks():
            kept = results.setdefault(path.stem, {})
            if str(seed) not in kept:
                brian2.defaultclock.dt = 0.1 * brian2.ms
                kept[str(seed)] = measured(path, seed)
                RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
                print(path.stem, seed, kept[str(seed)], flush=True)
    PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
