-- What is known of projects' repositories on GitHub. `scheduler/github_sync.py` alone writes it, under its lock;
-- a webhook moves `due_at`.
CREATE TABLE repositories (
    id              BIGINT PRIMARY KEY,           -- GitHub's, which outlives renames and transfers
    project_id      UUID NOT NULL REFERENCES projects,
    owner           TEXT,                         -- from here to `head`: NULL until it was looked at
    name            TEXT,
    url             TEXT,                         -- what `git clone` takes
    default_branch  TEXT,
    archived        BOOLEAN,
    pushed_at       TIMESTAMPTZ,                  -- these two by GitHub's clock
    updated_at      TIMESTAMPTZ,
    head            TEXT,                         -- of the default branch; NULL as well when it is empty
    gone_at         TIMESTAMPTZ,                  -- when it was found to be deleted, or out of our sight
    due_at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    looked_at       TIMESTAMPTZ,                  -- when a look began that succeeded
    failures        INT NOT NULL DEFAULT 0,       -- in a row
    error           TEXT                          -- what went wrong last, or may not be seen
);
CREATE INDEX repositories_due ON repositories (due_at);
CREATE INDEX repositories_of_project ON repositories (project_id);

CREATE TABLE pull_requests (
    repository_id  BIGINT NOT NULL REFERENCES repositories ON DELETE CASCADE,
    number         INT NOT NULL,
    title          TEXT NOT NULL,
    url            TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('open', 'merged', 'closed')),
    head           TEXT NOT NULL,                 -- the branch's short name
    head_sha       TEXT NOT NULL,
    base           TEXT NOT NULL,
    merge_sha      TEXT,                          -- the commit that it became, once merged
    updated_at     TIMESTAMPTZ NOT NULL,          -- by GitHub's clock
    PRIMARY KEY (repository_id, number)
);

-- Of the heads alone: the default branch's, and those of open pull requests.
CREATE TABLE check_runs (
    repository_id  BIGINT NOT NULL REFERENCES repositories ON DELETE CASCADE,
    sha            TEXT NOT NULL,
    source         TEXT NOT NULL CHECK (source IN ('run', 'status')),
    name           TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'green', 'red')),
    url            TEXT NOT NULL,
    summary        TEXT NOT NULL,
    PRIMARY KEY (repository_id, sha, source, name)
);

-- What GitHub called an answer whose content is stored: written with what was read from it, in one transaction,
-- so that "not modified" means "what is stored is true".
CREATE TABLE etags (
    repository_id  BIGINT REFERENCES repositories ON DELETE CASCADE,   -- NULL: of a listing
    path           TEXT NOT NULL,                 -- with the query
    etag           TEXT NOT NULL,
    UNIQUE NULLS NOT DISTINCT (repository_id, path)
);

-- How far the listings of all repositories were read: one row, made by the first look.
CREATE TABLE github_listing (
    one_row        BOOLEAN PRIMARY KEY DEFAULT true CHECK (one_row),
    repositories   INT,                           -- how many there were
    pushed_at      TIMESTAMPTZ,                   -- the newest push, and the newest change, that was listed
    updated_at     TIMESTAMPTZ,
    listed_at      TIMESTAMPTZ,
    swept_at       TIMESTAMPTZ,                   -- when all of them were listed
    rests_until    TIMESTAMPTZ                    -- GitHub takes no requests until then
);

-- Webhooks' deliveries: stored before they are answered. They name what to look at again, and nothing else of
-- them is kept.
CREATE TABLE github_deliveries (
    id             TEXT PRIMARY KEY,              -- X-GitHub-Delivery: the same when it is delivered again
    event          TEXT NOT NULL,
    action         TEXT,
    repository_id  BIGINT,                        -- whether we know it or not; NULL: it is about none
    received_at    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    handled_at     TIMESTAMPTZ                    -- a look that began later has succeeded
);
CREATE INDEX github_deliveries_waiting ON github_deliveries (repository_id) WHERE handled_at IS NULL;
CREATE INDEX github_deliveries_by_age ON github_deliveries (handled_at) WHERE handled_at IS NOT NULL;
