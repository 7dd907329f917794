"""What `promtool check metrics` would complain of, as far as it concerns names and texts.

The rules are those of github.com/prometheus/client_golang, prometheus/testutil/promlint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

BASE = "amperes|bytes|celsius|grams|joules|kelvin|meters|metres|seconds|volts"
OTHER = "minutes|hours|days|weeks|kelvins|fahrenheit|rankine|inches|yards|miles|bits|calories|pounds|ounces"
PREFIXES = "pico|nano|micro|milli|centi|deci|deca|hecto|kilo|kibi|mega|mibi|giga|gibi|tera|tebi|peta|pebi"
WRONG_UNIT = re.compile(f"(?:{PREFIXES})(?:{BASE}|{OTHER})|{OTHER}")
ABBREVIATIONS = {"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"}
TYPES = {"counter", "gauge", "histogram", "summary"}


def complaints(text: str) -> list[str]:
    """Return what is wrong with an answer of `/metrics`."""
    families = list(text_string_to_metric_families(text))
    return [complaint for family in families for complaint in _of(family)] + _repeated(families)


def _of(family: Metric) -> Iterator[str]:
    name = family.name
    words = name.split("_")
    if not family.documentation:
        yield f"{name}: no help text"
    if family.type == "unknown":
        yield f"{name}: no type"
    if family.type == "counter" and any(not sample.name.endswith("_total") for sample in family.samples):
        yield f"{name}: a counter should end in _total"
    if family.type != "counter" and name.endswith("_total"):
        yield f"{name}: only counters should end in _total"
    if family.type not in {"histogram", "summary"} and words[-1] in {"count", "sum", "bucket"}:
        yield f"{name}: this suffix is a histogram's"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield f"{name}: should be in snake_case"
    for word in words:
        if WRONG_UNIT.fullmatch(word):
            yield f"{name}: {word} is no base unit"
        if word in ABBREVIATIONS:
            yield f"{name}: {word} is an abbreviation of a unit"
        if word in TYPES:
            yield f"{name}: should not name its type"
    for label in {label for sample in family.samples for label in sample.labels}:
        if label in {"le", "quantile"} and family.type not in {"histogram", "summary"}:
            yield f"{name}: the label {label} is a histogram's or a summary's"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", label):
            yield f"{name}: the label {label} should be in snake_case"


def _repeated(families: list[Metric]) -> list[str]:
    names = [family.name for family in families]
    samples = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families
        for sample in family.samples
    ]
    return [f"{name}: is there twice" for name in {name for name in names if names.count(name) > 1}] + (
        ["a sample is there twice"] if len(set(samples)) < len(samples) else []
    )
