"""Wrong texts for every option and argument of the command line: ``python -m tests.fuzz_options``.

Every option is given forty texts, one at a time, beside right ones. What takes long is put out of action: a
text that reaches it was accepted. A refusal must say which option is meant, or what was given; whatever else
ends a command is a raw error.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import click

from validation.cli import commands

TEXTS = (
    *("", " ", "-", "--", "x", "nonsense", "None", "nan", "inf", "-inf", "-1", "0", "0.0", "1.5", "-0.5"),
    *(
        "1e400",
        "1e-400",
        "0x10",
        "1_0",
        "1,5",
        "1,,2",
        ",",
        "[]",
        "[1",
        "{}",
        "()",
        "=",
        "a=b",
        "seed=",
        "=1",
    ),
    *("seed=x", "True", "µ", "ß ü", "a\tb", "a\nb", "../..", "/proc/closed/x", "~", "9" * 400),
)

# Arguments without which a command does not get as far as its options.
NEEDED = {
    "ann": ["linear"],
    "sweep": ["--over", "seed=1", "--set", "data_set=digits"],
    "fit": ["my.csv"],
    "fetch": ["ko2013"],
}
# The texts above that are numbers; which of them make sense of what is said by tests of each command.
NUMBERS = {"0", "0.0", "1.5", "1_0", "-0.5", "-1", "1e-400"}


class Reached(Exception):
    """A text was accepted: the command has begun to work."""


def _work(*arguments: Any, **named: Any) -> Any:
    raise Reached


WORK = (
    "validation.evaluation.measure_claims",
    "validation.runs.run_experiment",
    "validation.data.datastore.fetch",
    "rate_models.experiments.network_sweep.sweep_networks",
    "validation.cli.fit._fits",
)
# Of these the range is checked by what is out of action.
CHECKED_LATER = {"fit --n"}


def options() -> Iterator[tuple[list[str], click.Parameter]]:
    """Yield the words of every command with each of its options and arguments that take a text."""
    waiting: list[tuple[list[str], click.Command]] = [([], commands)]
    while waiting:
        words, command = waiting.pop()
        if isinstance(command, click.Group):
            waiting += [([*words, name], each) for name, each in command.commands.items()]
        for parameter in command.params if words else ():
            if not getattr(parameter, "is_flag", False):
                yield words, parameter


def fault(words: list[str], parameter: click.Parameter, text: str) -> str | None:
    """Return what is wrong in how a command takes a text; None if it was refused well, or makes sense."""
    needed = NEEDED.get(words[-1], [])
    is_option = isinstance(parameter, click.Option)
    given = [*needed, parameter.opts[0], text] if is_option else [text]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            commands.main([*words, *given], prog_name="brianpresyn", standalone_mode=False)
    except Reached:
        kind = parameter.type.name
        is_number = any(name in kind for name in ("float", "integer"))
        is_wrong = text.strip() not in NUMBERS and f"{words[-1]} {parameter.opts[0]}" not in CHECKED_LATER
        return "accepted" if is_number and is_wrong else None
    except (click.ClickException, click.Abort, SystemExit):
        return None
    except (TypeError, ValueError, OSError, ImportError) as error:
        name = (parameter.name or "").rstrip("s")
        # A path is shown as the system writes it, a long text shortened, of NAME=VALUE what is wrong.
        shown = [name, str(Path(text)), text[:12] or repr(text), *map(repr, text.split("="))]
        return None if any(each in str(error) for each in shown) else f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    is_number = any(name in parameter.type.name for name in ("float", "integer"))
    return "accepted" if is_number and text.strip() not in NUMBERS else None


def faults(folder: Path, texts: Sequence[str] = TEXTS) -> Iterator[str]:
    """Yield every text that a command takes badly; the commands run in a folder."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        Path("my.csv").write_text("amplitude (pA),time (s)\n1,0.1\n2,0.2\n3,0.3\n")
        for name in WORK:
            stack.enter_context(mock.patch(name, _work))
        for name in ("runs.cpu_hours", "cli.costs._save_figure"):
            stack.enter_context(mock.patch(f"validation.{name}", lambda *_, **__: 0.0))
        for words, parameter in options():
            for text in texts:
                if wrong := fault(words, parameter, text):
                    yield f"{' '.join(words)} {parameter.opts[0]} {text[:20]!r}: {wrong[:200]}"


def main() -> None:
    """Print every text that is taken badly."""
    n_wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for wrong in faults(Path(folder)):
            print(wrong, flush=True)
            n_wrong += 1
    n_calls = len(TEXTS) * len(list(options()))
    print(f"options: {n_calls} calls, {n_wrong or 'nothing'} wrong")
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
