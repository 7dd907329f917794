-- Periodic jobs: one row each, with what became of its last run.
CREATE TABLE timetable (
    name        TEXT PRIMARY KEY,
    cron        TEXT NOT NULL,
    token       BIGINT NOT NULL,                  -- of the lock under which it ran last: fences what is noted here
    began_at    TIMESTAMPTZ NOT NULL,
    ended_at    TIMESTAMPTZ,                      -- NULL while it runs
    outcome     TEXT CHECK (outcome IN ('succeeded', 'failed', 'stopped', 'lost')),
    error       TEXT,
    failures    INT NOT NULL DEFAULT 0,           -- in a row
    not_before  TIMESTAMPTZ,                      -- after failures, longer each time
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- Whose checkpoints and events have been removed is not looked at again.
ALTER TABLE runs ADD COLUMN checkpoints_removed_at TIMESTAMPTZ;
ALTER TABLE runs ADD COLUMN events_removed_at TIMESTAMPTZ;
-- What retention removes next, oldest first.
CREATE INDEX runs_with_checkpoints ON runs (ended_at) WHERE ended_at IS NOT NULL AND checkpoints_removed_at IS NULL;
CREATE INDEX runs_with_events ON runs (ended_at) WHERE ended_at IS NOT NULL AND events_removed_at IS NULL;
CREATE INDEX inbox_handled ON inbox (handled_at) WHERE handled_at IS NOT NULL;
CREATE INDEX outbox_by_age ON outbox (created_at);
CREATE INDEX attachments_by_age ON attachments (created_at);
CREATE INDEX attachments_of_message ON attachments (inbox_id);
-- Who reads a stream: events stay until everybody has read them.
CREATE INDEX cursors_of_stream ON cursors (stream);
