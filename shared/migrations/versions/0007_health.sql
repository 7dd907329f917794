-- How servers and services are doing: a row for each thing that is looked at of one.
CREATE TABLE health (
    subject          TEXT NOT NULL,               -- 'server:local', 'project:<id>'
    aspect           TEXT NOT NULL CHECK (aspect IN
                     ('service', 'certificate', 'manager', 'disk', 'memory', 'load')),
    project_id       UUID REFERENCES projects,    -- NULL for a server
    finding          TEXT NOT NULL DEFAULT '',    -- what was wrong when it was looked at last; empty: nothing
    failures         INT NOT NULL DEFAULT 0,      -- in a row
    successes        INT NOT NULL DEFAULT 0,      -- in a row
    turned_at        TIMESTAMPTZ,                 -- when that row began
    observed_at      TIMESTAMPTZ NOT NULL,
    state            TEXT CHECK (state IN ('up', 'degraded', 'down')),   -- NULL: not known yet
    since            TIMESTAMPTZ,
    told             TEXT CHECK (told IN ('up', 'degraded', 'down')),    -- the state that was told of last
    told_since       TIMESTAMPTZ,                 -- since when it had been so
    processes_since  TIMESTAMPTZ,                 -- when the youngest of a service's processes was started
    PRIMARY KEY (subject, aspect),
    CHECK ((state IS NULL) = (since IS NULL)),
    CHECK ((told IS NULL) = (told_since IS NULL)),
    CHECK (failures = 0 OR successes = 0)
);
CREATE INDEX health_of_project ON health (project_id);
