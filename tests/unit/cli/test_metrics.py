"""What is counted is named as Prometheus wants it, described in the reference, and added up over processes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from cli.metrics.address import url_of
from cli.metrics.counting import Tally, tally
from cli.metrics.reference import Described, calls, counted, markdown, stored
from tests.naming import complaints

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "metrics.md"


def test_the_reference_says_what_is_counted() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m cli.metrics.reference > docs/reference/metrics.md"
    )


@pytest.mark.parametrize("metric", [*counted(), *stored()], ids=lambda metric: metric.name)
def test_a_metric_is_ours_by_name_and_has_few_labels_that_name_no_person(metric: Described) -> None:
    assert metric.name.startswith("telewright_")
    assert metric.meaning[0].isupper() or metric.meaning[0].isdigit()
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert len(metric.labels) <= 2
    assert not {"user", "user_id", "chat", "chat_id", "run", "run_id", "project", "path"} & set(metric.labels)


def test_all_names_and_texts_are_as_promtool_wants_them() -> None:
    families = [_family(one) for one in [*counted(), *stored()] if one.kind != "histogram"]
    assert complaints(_exposed(families)) == []
    assert {one.name for one in counted() if one.kind == "histogram"} == {
        name for one in counted() if (name := one.name).endswith("_seconds")
    }


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("telewright_wait_milliseconds", "no base unit"),
        ("telewright_wait_hours", "no base unit"),
        ("telewright_wait_ms", "abbreviation"),
        ("telewright_users_count", "a histogram's"),
        ("telewright_users_gauge", "name its type"),
        ("telewrightUsers", "snake_case"),
    ],
)
def test_a_bad_name_is_complained_of(name: str, complaint: str) -> None:
    [said] = complaints(_exposed([GaugeMetricFamily(name, "What it is", value=1)]))
    assert complaint in said


def test_every_gauge_is_the_newest_value_of_a_process_that_lives() -> None:
    gauges = [call for call in calls() if isinstance(call.func, ast.Name) and call.func.id == "Gauge"]
    assert gauges
    for gauge in gauges:
        # Others have files that no room is set aside for, and that outlive their process.
        assert "multiprocess_mode='livemostrecent'" in ast.unparse(gauge)


COUNTING = """
import sys
from cli.metrics.counting import join
join()
from prometheus_client import Counter, Gauge, Histogram
Counter("things_total", "Things", ["kind"]).labels("x").inc(float(sys.argv[1]))
Histogram("wait_seconds", "Wait", buckets=(1, 2)).observe(1.5)
if len(sys.argv) > 2:
    Gauge("depth", "Depth", multiprocess_mode="livemostrecent").set(float(sys.argv[2]))
sys.stdout.flush()
import os
os._exit(9)
"""


def count(tallied: Tally, role: str, *numbers: str) -> None:
    """Count in a process that dies of it."""
    ended = subprocess.run(
        [sys.executable, "-c", COUNTING, *numbers],
        env={**os.environ, "PYTHONPATH": str(ROOT), **tallied.environment(role)},
        check=False,
    )
    assert ended.returncode == 9


def test_processes_are_added_up_and_one_that_is_started_again_goes_on_where_the_dead_one_was(
    tmp_path: Path,
) -> None:
    with tally(tmp_path) as tallied:
        registry = CollectorRegistry()
        registry.register(tallied)
        count(tallied, "worker", "1", "7")
        count(tallied, "bot", "10")
        assert registry.get_sample_value("things_total", {"kind": "x"}) == 11
        assert registry.get_sample_value("depth") == 7

        files = sorted((tmp_path / "metrics").rglob("*.db"))
        count(tallied, "worker", "100")
        assert registry.get_sample_value("things_total", {"kind": "x"}) == 111
        assert registry.get_sample_value("wait_seconds_count") == 3
        assert registry.get_sample_value("depth") is None, "a dead process's gauge says nothing of now"
        assert set(files) >= set((tmp_path / "metrics").rglob("*.db"))


def test_a_file_that_nobody_has_counted_in_yet_is_no_trouble(tmp_path: Path) -> None:
    with tally(tmp_path) as tallied:
        tallied.environment("worker")
        assert list(tallied.collect()) == []


def test_each_up_begins_with_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    left = tmp_path / "metrics" / "1"
    left.mkdir(parents=True)
    (left / "counter_worker.db").write_bytes(b"of somebody who was killed")
    with tally(tmp_path) as tallied:
        assert list(tallied.collect()) == []
        assert not left.exists()
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=lambda page: page.stem)
def test_every_metric_that_a_how_to_asks_for_is_there(page: Path) -> None:
    known = {one.name for one in [*counted(), *stored()]}
    asked = set(re.findall(r"\btelewright_[a-z_]+", page.read_text(encoding="utf-8")))
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in asked} <= known


def test_a_url_is_one_for_ipv6_as_well() -> None:
    assert url_of(("127.0.0.1", 9464)) == "http://127.0.0.1:9464/metrics"
    assert url_of(("::1", 9464)) == "http://[::1]:9464/metrics"


def _family(described: Described) -> Metric:
    make = CounterMetricFamily if described.kind == "counter" else GaugeMetricFamily
    family = make(described.name, described.meaning, labels=described.labels)
    family.add_metric(["x" for _ in described.labels], 1)
    return family


def _exposed(families: Iterable[Metric]) -> str:
    class Given:
        def collect(self) -> Iterable[Metric]:
            return families

    registry = CollectorRegistry()
    registry.register(Given())
    return generate_latest(registry).decode()
