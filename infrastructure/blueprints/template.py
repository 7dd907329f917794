"""The program that renders one blueprint with Copier, which knows nothing of Telewright.

A process of its own, because Copier changes the working directory of the
whole process, because a template of somebody else may never end, and because
the settings of whoever runs Telewright (which templates they trust) must not
count.

Standard input is a JSON object with `blueprint`, `target` and `answers`;
standard output, if it does not render, is one line that says why.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from copier import Settings, run_copy
from copier.errors import CopierError
from jinja2.exceptions import TemplateError

DOES_NOT_RENDER = 3
_OF_A_TEMPLATE = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What an expression in a template may raise."""


def main() -> int:
    """Render, or say why not."""
    work = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    try:
        run_copy(
            work["blueprint"],
            Path(work["target"]),
            data=work["answers"],
            defaults=True,
            quiet=True,
            unsafe=False,
            settings=Settings(),
        )
    except TemplateError as error:
        print(_located(error))
        return DOES_NOT_RENDER
    except (CopierError, OSError, *_OF_A_TEMPLATE) as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}")
        return DOES_NOT_RENDER
    return 0


def _located(error: TemplateError) -> str:
    """Say what is wrong and in which line of which file, as far as Jinja knows."""
    file = getattr(error, "name", None)
    line = getattr(error, "lineno", None)
    place = f"{file}, line {line}: " if file and line else ""
    return f"{place}{' '.join(str(error.message or type(error).__name__).split())}"


if __name__ == "__main__":
    sys.exit(main())
