"""What the sender counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Histogram

SENT: Final = Counter("telewright_outbox_sent_total", "Messages that were sent, by kind", ["kind"])
EDITED: Final = Counter("telewright_outbox_edited_total", "Messages that were edited, by kind", ["kind"])
FOUND: Final = Counter(
    "telewright_outbox_found_total", "Messages found in a chat whose sending was not known to succeed"
)
RETRIED: Final = Counter(
    "telewright_outbox_retried_total", "Calls that are made again, by reason", ["reason"]
)
DROPPED: Final = Counter("telewright_outbox_dropped_total", "Messages that were given up, by kind", ["kind"])
LATENCY: Final = Histogram(
    "telewright_outbox_latency_seconds",
    "From the writing of a row to Telegram's answer, for what answers a person",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
