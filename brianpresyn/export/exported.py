"""A piece of synapse as the files of another simulator."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from brian2.synapses.synapses import Synapses
from brian2.utils.stringtools import get_identifiers

from biophys.argument_types import check_choice, checked_types
from biophys.whole_files import arriving
from brianpresyn.counter_random import NamedFunction, cuda_text, joined_number, template_text
from brianpresyn.domains import PROBABILITY, check_name
from brianpresyn.export.nestml import DRAWS as NESTML_DRAWS
from brianpresyn.export.nestml import NestmlStatements
from brianpresyn.export.rendering import (
    BrianStatements,
    CStatements,
    PythonStatements,
    assignment,
    drawn_probabilities,
)
from brianpresyn.export.synapse_model import ARITHMETIC, SynapseModel, Variable, synapse_model
from brianpresyn.export.synapse_table import shared_values, write_table
from brianpresyn.synapse_code import SynapseCode

_C_FUNCTIONS = """static inline double presyn_clip(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}
static inline double presyn_modulo(double x, double y) {
    return x - y * floor(x / y);
}
"""


@checked_types
@dataclass(frozen=True)
class Export:
    """The files of a piece of synapse for one host: texts by file name, the most important first.

    >>> from brian2 import mV
    >>> from brianpresyn import bernoulli_release
    >>> export = bernoulli_release(0.3, q=0.5*mV).export("nest", name="unreliable")
    >>> list(export.files)
    ['unreliablemodule.cpp', 'build_unreliablemodule.py']
    """

    host: str
    name: str
    files: Mapping[str, str]

    def __str__(self) -> str:
        return next(iter(self.files.values()))

    def write(self, folder: str | Path, connection: Synapses | None = None) -> list[Path]:
        """Write the files and, of a built network, the table of its synapses and what they share.

        Parameters
        ----------
        folder : where; it is made if it does not exist
        connection : synapses built by :func:`brianpresyn.synapses`

        Returns
        -------
        list of pathlib.Path
            The files of the host; ``NAME_synapses.csv``, see :func:`~brianpresyn.export.write_table`; and
            ``NAME_shared.json`` with the keys of the streams and what else all synapses share.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        texts = dict(self.files)
        table = folder / f"{self.name}_synapses.csv"
        if connection is not None:
            write_table(connection, table)
            texts[f"{self.name}_shared.json"] = json.dumps(shared_values(connection), indent=1)
        for file, text in texts.items():
            with arriving(folder / file) as part:
                part.write_text(text, encoding="utf-8")
        return [*(folder / file for file in texts), *([] if connection is None else [table])]


def export(code: SynapseCode, host: str, *, name: str = "presyn") -> Export:
    """Return a piece as the files of a host; see :meth:`brianpresyn.SynapseCode.export`."""
    check_choice(host, HOSTS, "host")
    check_name(name, "name")
    facts = HOSTS[host]
    model = synapse_model(code, facts.draws, is_regular=facts.is_regular)
    title = f"{code.name} for {facts.title}, by brianpresyn. In Brian2 it acts on {model.target}."
    values = {"name": name, "title": title, **facts.values(code, model, name)}
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    files = {
        file.format(name=name): environment.from_string(template_text(f"{template}.jinja")).render(values)
        for template, file in facts.files.items()
    }
    return Export(host, name, files)


def _c_draws(code: SynapseCode, model: SynapseModel) -> str:
    """Return the C++ of the functions that the statements use, as it is compiled in Brian2."""
    functions = _functions(code, model).values()
    return "".join(function.implementations["cpp"].get_code(None) for function in functions) + _C_FUNCTIONS


def _functions(code: SynapseCode, model: SynapseModel) -> dict[str, NamedFunction]:
    used = get_identifiers("\n".join(model.statements))
    return {
        name: value
        for name, value in code.namespace.items()
        if name in used and isinstance(value, NamedFunction)
    }


def _in_c(
    code: SynapseCode, model: SynapseModel, shared: str, own: str, number: str, weight: str
) -> dict[str, Any]:
    """Return variables, draws and statements, from how C++ spells what is shared and what a synapse has."""
    common = model.of_role("key", "shared", "constant")
    names = {model.amplitude: weight}
    held = model.of_role("parameter", "state")
    spelled = {each.name: shared.format(each.name) for each in common}
    spelled |= {each.name: own.format(names.get(each.name, each.name)) for each in held}
    return {
        "draws": _c_draws(code, model),
        "common": common,
        "own": [each._replace(name=names.get(each.name, each.name)) for each in held],
        "statements": CStatements(lambda each: spelled.get(each, each), number).lines(model),
    }


def _for_nest(code: SynapseCode, model: SynapseModel, name: str) -> dict[str, Any]:
    probabilities = [name for name, domain in code.domains.items() if domain == PROBABILITY]
    return {**_in_c(code, model, "common.{}_", "{}_", "number_", "weight"), "probabilities": probabilities}


def _for_cuda(code: SynapseCode, model: SynapseModel, name: str) -> dict[str, Any]:
    values = _in_c(code, model, "shared.{}", "synapse.{}", "synapse.number", model.amplitude)
    draws = cuda_text(values["draws"])
    guards = sorted(set(re.findall(r"#ifndef (PRESYN_\w+)", draws)) - {"PRESYN_DEVICE"})
    return {**values, "draws": draws, "guards": guards, "process": _process(name)}


def _process(name: str) -> str:
    return f"{name[0].upper()}{name[1:]}Synapse"


def _for_neuron(code: SynapseCode, model: SynapseModel, name: str) -> dict[str, Any]:
    states = model.of_role("state")
    parameters = [each.name for each in model.of_role("parameter") if each.name != model.amplitude]
    weights = ["weight", "number_high", "number_low", *parameters, *(each.name for each in states)]
    common = [*model.of_role("shared", "constant"), *_halves(model)]
    spelled = {weight: f"_args[{place}]" for place, weight in enumerate(weights)}
    spelled |= {model.amplitude: "_args[0]", "t": "presyn_time", "amount": "presyn_amount"}
    spelled |= _joined_keys(model, "joined_number")
    number = "joined_number(_args[1], _args[2])"
    return {
        "draws": _c_draws(code, model) + template_text("joined_number.cpp"),
        "process": _process(name),
        "common": common,
        "macros": ["tau", "e", "i", "g", "v", *(each.name for each in common)],
        "states": [each for each in states if each.name != model.amplitude],
        "weights": weights,
        "statements": CStatements(lambda each: spelled.get(each, each), number).lines(model),
    }


def _halves(model: SynapseModel) -> list[Variable]:
    """Return the keys as two halves of 32 bits, for hosts whose numbers are doubles."""
    keys = [key.name for key in model.of_role("key")]
    return [Variable(f"{key}_{half}", "key", False, 0, "1") for key in keys for half in ("high", "low")]


def _joined_keys(model: SynapseModel, function: str) -> dict[str, str]:
    return {key.name: f"{function}({key.name}_high, {key.name}_low)" for key in model.of_role("key")}


def _for_pynn(code: SynapseCode, model: SynapseModel, name: str) -> dict[str, Any]:
    held = model.of_role("parameter", "shared", "constant")
    parameters = [each for each in held if each.name != model.amplitude]
    parameters += [Variable(f"number_{half}", "parameter", False, 0, "1") for half in ("high", "low")]
    parameters += _halves(model)
    # Brian2 has a time with a unit, and a last update of its own.
    in_brian = {"t": "(t/second)", "lastupdate": "last_spike"}
    states = [each._replace(name=in_brian.get(each.name, each.name)) for each in model.of_role("state")]
    functions = _functions(code, model)
    joined = "presyn_joined_number"
    spelled = {each: f"presyn_{each}" for each in functions} | _joined_keys(model, joined)
    spelled |= in_brian | {model.amplitude: "weight"}
    renderer = BrianStatements(lambda each: spelled.get(each, each), f"{joined}(number_high, number_low)")
    places = {each: value.place for each, value in {**functions, "joined_number": joined_number}.items()}
    return {
        "functions": {each: (at, name.removesuffix(".numbered")) for each, (at, name) in places.items()},
        "process": _process(name),
        "parameters": parameters,
        "variables": [*parameters, *states],
        "states": states,
        "statements": renderer.lines(model.statements),
    }


def _for_nestml(code: SynapseCode, model: SynapseModel, name: str) -> dict[str, Any]:
    held = [each for each in model.variables if each.name != model.amplitude]
    spelled = {model.amplitude: "presyn_weight", "amount": "presyn_amount", "t": "presyn_time"}
    return {
        "states": [each for each in held if each.role == "state"],
        "parameters": [each for each in held if each.role != "state"],
        "is_timed": "t" in get_identifiers("\n".join(model.statements)),
        "statements": NestmlStatements(lambda each: spelled.get(each, each), "").lines(model),
    }


def _for_jax(code: SynapseCode, model: SynapseModel, name: str) -> dict[str, Any]:
    values, states = model.of_role("parameter", "shared", "constant"), model.of_role("state")
    every = (*model.statements, *(line for _, block in model.regular for line in block))
    drawn = dict.fromkeys(drawn_probabilities(every))
    known = {each.name for each in values} | ARITHMETIC
    # What does not change while it runs is compared as integers, made by numpy from 64 bits.
    constant = [p for p in drawn if get_identifiers(p) <= known]
    exact = {p: f"{p}_exact" if p.isidentifier() else f"exact_{place}" for place, p in enumerate(constant)}
    in_numpy = PythonStatements({}, "np")
    arguments = ["number", "*", *(each.name for each in model.of_role("key"))]
    arguments += [each.name for each in values if each.role != "constant"]
    arguments += [f"{each.name}={each.default}" for each in values if each.role == "constant"]
    blocks = [("on_pre", "a presynaptic spike", model.statements)]
    blocks += [
        (f"every_{round(1e6 * interval)}_us", f"another {interval:g} s", block)
        for interval, block in model.regular
    ]
    # Of a shared draw, n and p.
    tables = re.findall(r"shared_binomial_draw\([^)]*?(\w[^,()]*, [^,()]*)\)", "\n".join(model.statements))
    return {
        "draws": template_text("jax_release.py"),
        "model": model,
        "units": {each.name: each.unit for each in values},
        "needs_x64": len(exact) < len(drawn),
        "arguments": ", ".join(arguments),
        "values": values,
        "states": states,
        "state_names": {each.name for each in states},
        "exact": {name: in_numpy.render_expr(p) for p, name in exact.items()},
        "table": tables[0] if tables else "",
        "blocks": [_jax_block(*block, model=model, exact=exact) for block in blocks],
    }


def _jax_block(
    name: str, title: str, statements: tuple[str, ...], *, model: SynapseModel, exact: Mapping[str, str]
) -> dict[str, Any]:
    lines = PythonStatements(exact).lines(statements)
    states = {each.name for each in model.of_role("state")}
    held = [each.name for each in model.variables] + ["number", "table", *exact.values()]
    used = set(re.findall(r"\w+", "\n".join(lines)))
    changed = dict.fromkeys(assignment(line)[0] for line in statements)
    return {
        "name": name,
        "title": title,
        "lines": lines,
        "changed": [each for each in changed if each in states],
        "names": [each for each in held if each in used],
    }


@dataclass(frozen=True)
class Host:
    """A simulator that releases as Brian2 does.

    Parameters
    ----------
    title : what it is called
    draws : functions of random numbers, and what goes with them, that an export can use
    files : what is exported, by template
    values : returns what the templates are filled with
    is_regular : whether its synapses can act at regular times, as spontaneous release does
    """

    title: str
    draws: frozenset[str]
    files: Mapping[str, str]
    values: Callable[[SynapseCode, SynapseModel, str], dict[str, Any]]
    is_regular: bool = False


_SHARED = "shared_binomial_draw"
_JAX_DRAWS = frozenset({"uniform_draw", "bernoulli_draw", "binomial_draw", _SHARED})
_C_DRAWS = _JAX_DRAWS | {"normal_draw", "gamma_draw", "site_sum_draw", "bounded", "reaches"}
_NESTML_FILES = {"nestml": "{name}.nestml", "build_nestml.py": "build_{name}module.py"}
_NEST_FILES = {"nest.cpp": "{name}module.cpp", "build_nest.py": "build_{name}module.py"}

HOSTS = {
    "nest": Host("NEST", _C_DRAWS, _NEST_FILES, _for_nest),
    "nestml": Host("NESTML", frozenset(NESTML_DRAWS), _NESTML_FILES, _for_nestml),
    "neuron": Host("NEURON", _C_DRAWS, {"neuron.mod": "{name}.mod"}, _for_neuron),
    # The table of a draw with one n and p for all is made by the first thread that needs it.
    "cuda": Host("CUDA", _C_DRAWS - {_SHARED}, {"cuda.cuh": "{name}.cuh"}, _for_cuda),
    "jax": Host("JAX", _JAX_DRAWS, {"jax.py": "{name}.py"}, _for_jax, is_regular=True),
    "pynn": Host("PyNN's Brian2 backend", _C_DRAWS, {"pynn.py": "{name}.py"}, _for_pynn),
}
"""The hosts by the name that ``code.export`` takes."""
