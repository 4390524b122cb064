"""How the documentation site is built: ``make docs``."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import sys
import types
import urllib.request
from pathlib import Path
from typing import Generic, TypeVar

import brian2
import numpy.typing
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.ext.intersphinx import resolve_reference_any_inventory
from sphinx.util import logging

logger = logging.getLogger(__name__)

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
# One module runs within another simulator, which is no dependency.
sys.modules.setdefault("nest", types.ModuleType("nest"))


class TakesAnything(type):
    """Lets functions that check their arguments take what the stand-ins below stand for."""

    def __instancecheck__(cls, value: object) -> bool:
        return True


class ArrayLike(metaclass=TakesAnything):
    """Stands for numpy's union of a dozen types, so that signatures on the site show its name."""


class NDArray(Generic[TypeVar("Scalar")], metaclass=TakesAnything):
    """Stands for numpy's array with types of its shape and of its scalars."""


for stand_in in (ArrayLike, NDArray):
    stand_in.__module__ = "numpy.typing"
    setattr(numpy.typing, stand_in.__name__, stand_in)

PACKAGES = ("biophys", "brianpresyn", "rate_models", "validation")

project = "brianpresyn"
author = "The brianpresyn developers"
copyright = "2026, The brianpresyn developers"
release = importlib.import_module("brianpresyn").__version__
version = release

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "measured",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
templates_path = ["_templates"]
exclude_patterns = ["README.md", "_build", "_templates", "examples"]
# The same object is found under the name of its package and that of its module: either page will do.
suppress_warnings = ["config.cache", "ref.python"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# --- look -------------------------------------------------------------------------------------------------
html_theme = "furo"
html_title = "brianpresyn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_math_renderer = "mathml"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b5f94",
        "color-brand-content": "#0b5f94",
    },
    "dark_css_variables": {
        "color-brand-primary": "#56b4e9",
        "color-brand-content": "#56b4e9",
    },
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# --- reference --------------------------------------------------------------------------------------------
autosummary_generate = True
# Types stand in the signature and lead to where they are documented; long ones have one parameter a line.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
autodoc_default_options = {"member-order": "bysource"}
numpydoc_show_class_members = False

# --- examples ---------------------------------------------------------------------------------------------
# Small networks are slower to compile than to run.
brian2.prefs.codegen.target = "numpy"
os.environ.setdefault("OMP_NUM_THREADS", "1")


def start_afresh(gallery_conf: dict, file_name: str) -> None:
    """Let no example see the figures' style, the clock or the random numbers of another."""
    import matplotlib.pyplot as plt

    plt.rcdefaults()
    plt.rcParams.update(
        {
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "legend.frameon": False,
        }
    )
    brian2.start_scope()
    brian2.seed(0)
    brian2.defaultclock.dt = 0.1 * brian2.ms


ORDER = (
    ("network_with_failures", "model_with_release", "fit_of_a_table"),
    (
        "quantal_analysis",
        "release_in_trains",
        "locus_of_a_change",
        "cost_exponents",
        "cheapest_synapse",
        "information_per_atp",
    ),
    ("unreliable_epsps", "short_term_plasticity", "release_plasticity", "same_release"),
    ("pre_post_stdp", "spiking_perceptron", "balanced_network_energy"),
    (
        "cuba",
        "cobahh",
        "brunel_hakim",
        "synfire_chain",
        "izhikevich",
        "population_bursts",
        "liquid_state",
        "working_memory",
        "inhibitory_plasticity",
        "stdp",
        "calcium_plasticity",
        "diehl_cook",
        "tripartite_synapse",
        "jeffress",
        "dendritic_sequence",
    ),
    ("convolutional_network", "energy_of_a_network", "broken_off_and_resumed"),
    (
        "learning_tasks_in_sequence",
        "forgetting",
        "energy_efficiency",
        "bayesian_signatures",
        "gradients_of_release",
    ),
)


class FromSimpleToLarge:
    """Sorts the examples of a section as in `ORDER`; others follow."""

    def __init__(self, folder: str) -> None:
        self._names = [name for section in ORDER for name in section]

    def __call__(self, file_name: str) -> int:
        name = Path(file_name).stem
        return self._names.index(name) if name in self._names else len(self._names)


sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "subsection_order": [
        "examples/start",
        "examples/numbers",
        "examples/spiking",
        "examples/networks",
        "examples/rate",
    ],
    "within_subsection_order": "conf.FromSimpleToLarge",
    "reset_modules": ("conf.start_afresh",),
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 1,
    "abort_on_example_error": True,
    "doc_module": PACKAGES,
    "backreferences_dir": "gallery/backreferences",
    "reference_url": {},
    "plot_gallery": True,
}

# --- links into other documentations ----------------------------------------------------------------------
OTHERS = {
    "python": "https://docs.python.org/3/",
    "brian2": "https://brian2.readthedocs.io/en/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "xarray": "https://docs.xarray.dev/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "quantities": "https://python-quantities.readthedocs.io/en/stable/",
}


def inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Return where the names of other packages are documented, from the network or an earlier build.

    Without a network the names appear as plain text: the site is complete, and its build has no warnings.
    """
    found = {}
    folder.mkdir(parents=True, exist_ok=True)
    is_online = True
    for name, url in OTHERS.items():
        kept = folder / f"{name}.inv"
        if is_online and not kept.exists():
            try:
                with urllib.request.urlopen(f"{url}objects.inv", timeout=5) as answer:
                    kept.write_bytes(answer.read())
            except OSError as error:
                logger.info("no links into other documentations: %s", error)
                is_online = False
        if kept.exists():
            found[name] = (url, str(kept))
    return found


intersphinx_mapping = inventories(HERE / "_build" / "inventories")


# --- what Sphinx does not bring ---------------------------------------------------------------------------
def write_inline_math(writer, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers draw without scripts from elsewhere."""
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def write_math_block(writer, node: nodes.math_block) -> None:
    """Write a displayed formula as MathML."""
    writer.body.append(
        f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>'
    )
    raise nodes.SkipNode


def resolve_by_object(app: Sphinx, env, node, content):
    """Find a name where it is documented: ours at its public place, others' where their site has them."""
    target = node.get("reftarget", "")
    package = target.split(".")[0]
    domain = env.get_domain("py")
    for full_name in public_names(target) if package in PACKAGES else ():
        if full_name in domain.objects:
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, node["reftype"], full_name, node, content
            )
    if (
        package in PACKAGES
        and node.get("refexplicit") is not None
        and node.get("refdomain") == "py"
    ):
        logger.warning("%s is documented nowhere", target, location=node)
    for full_name in names_elsewhere(target) if package in OTHERS else ():
        node["reftarget"] = full_name
        if (
            found := resolve_reference_any_inventory(env, False, node, content)
        ) is not None:
            return found
    node["reftarget"] = target
    return None


def public_names(target: str) -> list[str]:
    """Return the names under which the packages offer what a name stands for."""
    parts = target.split(".")
    return [
        ".".join((package, *rest))
        for package in PACKAGES
        for rest in (parts[-1:], parts[-2:])
        if rest[0] in getattr(importlib.import_module(package), "__all__", ())
    ]


def names_elsewhere(target: str) -> list[str]:
    """Return the names under which another package may document what a name stands for.

    Brian2 documents objects where they are defined; numpy, torch and xarray where they are imported from.
    """
    *modules, name = target.split(".")
    imported_from = [".".join((*modules[:n], name)) for n in range(len(modules) - 1, 0, -1)]
    defined = place_of_definition(target) if modules[:1] == ["brian2"] else None
    return [defined, *imported_from] if defined else imported_from


def place_of_definition(target: str) -> str | None:
    """Return the full name of an object: module of its definition and name there."""
    module, _, name = target.partition(".")
    value = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    qualified = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{qualified}" if qualified else None


def remove_pages_of_what_is_gone(app: Sphinx) -> None:
    """Delete the pages that an earlier build generated for names that no longer exist."""
    for page in (HERE / "api" / "generated").glob("*.rst"):
        try:
            pkgutil.resolve_name(page.stem)
        except (ImportError, AttributeError):
            page.unlink()


def import_what_only_types_need(app: Sphinx) -> None:
    """Run the imports that modules keep for type checkers: without them signatures name no full types."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages([str(HERE.parent / package)], f"{package}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
                if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                    code = compile(ast.Module(node.body, []), found.name, "exec")
                    exec(code, module.__dict__)


def setup(app: Sphinx) -> None:
    """Add what Sphinx does not bring."""
    app.add_html_math_renderer(
        "mathml", (write_inline_math, None), (write_math_block, None)
    )
    app.connect("builder-inited", import_what_only_types_need, priority=90)
    app.connect("builder-inited", remove_pages_of_what_is_gone, priority=100)
    app.connect("missing-reference", resolve_by_object, priority=400)
