-- Runs that have put something of theirs into a repository on GitHub: a hidden reference, a branch, pull requests.
-- Noted before it is put there, and taken away when the run has ended, however it has.
CREATE TABLE kept_work (
    run_id      UUID PRIMARY KEY REFERENCES runs,
    due_at      TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),  -- looked at no sooner, and only once the run has ended
    attempts    INT NOT NULL DEFAULT 0,           -- at taking it away
    error       TEXT,                             -- what went wrong in the last of them
    cleared_at  TIMESTAMPTZ,
    branch_left BOOLEAN NOT NULL DEFAULT false,   -- a person has pushed to it
    CHECK (cleared_at IS NOT NULL OR NOT branch_left)
);
CREATE INDEX kept_work_due ON kept_work (due_at) WHERE cleared_at IS NULL;
-- What runs have put there so far.
INSERT INTO kept_work (run_id) SELECT DISTINCT run_id FROM effects WHERE kind = 'work';
