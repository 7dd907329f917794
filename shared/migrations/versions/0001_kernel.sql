-- The kernel's tables. One statement, one purpose; who reads a table by which
-- index is said beside the index.

CREATE TABLE users (
    id          TEXT PRIMARY KEY,                 -- 'telegram:42', 'terminal:owner'
    name        TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('owner', 'operator', 'viewer')),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE sessions (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    front         TEXT NOT NULL,
    external_key  TEXT NOT NULL,                  -- the chat, topic or terminal this is
    owner_id      TEXT NOT NULL REFERENCES users,
    spec          JSONB NOT NULL DEFAULT '{}',    -- what is wanted; interfaces write only this
    generation    BIGINT NOT NULL DEFAULT 1,      -- grows with every change of the spec
    status        JSONB NOT NULL DEFAULT '{}',    -- what is seen; only the reconciler writes it
    last_turn     BIGINT NOT NULL DEFAULT 0,
    created_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (front, external_key)
);

-- Everything that came in, once: Telegram's update_id, a terminal's message id.
CREATE TABLE inbox (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    front        TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    session_id   UUID REFERENCES sessions,
    user_id      TEXT NOT NULL REFERENCES users,
    payload      JSONB NOT NULL,
    trace_id     TEXT NOT NULL,
    received_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    handled_at   TIMESTAMPTZ,
    UNIQUE (front, external_id)
);
-- What is to be handled next, in order of arrival.
CREATE INDEX inbox_unhandled ON inbox (front, id) WHERE handled_at IS NULL;

CREATE TABLE projects (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name         TEXT NOT NULL,
    blueprint    TEXT NOT NULL,
    description  TEXT NOT NULL DEFAULT '',
    owner_id     TEXT NOT NULL REFERENCES users,
    session_id   UUID NOT NULL REFERENCES sessions,
    server       TEXT NOT NULL DEFAULT 'local',
    repository   JSONB,
    environment  JSONB NOT NULL DEFAULT '{}',     -- plain values only; secrets are SOPS files
    service      TEXT NOT NULL DEFAULT 'none' CHECK (service IN ('none', 'running', 'stopped')),
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    removed_at   TIMESTAMPTZ
);
CREATE UNIQUE INDEX projects_name ON projects (name) WHERE removed_at IS NULL;

CREATE TABLE workflow_versions (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow    TEXT NOT NULL,
    version     TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('python')),
    definition  JSONB NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (workflow, version)
);

CREATE TABLE runs (
    id                   UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    number               BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    thread_id            TEXT NOT NULL,
    workflow_version_id  BIGINT NOT NULL REFERENCES workflow_versions,
    session_id           UUID NOT NULL REFERENCES sessions,
    project_id           UUID REFERENCES projects,
    requested_by         TEXT NOT NULL REFERENCES users,
    title                TEXT NOT NULL,
    input                JSONB NOT NULL,
    status               TEXT NOT NULL DEFAULT 'queued' CHECK (status IN
                         ('queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out')),
    reason_code          TEXT,
    reason               TEXT,
    advice               TEXT,
    result               JSONB,
    claim_token          BIGINT NOT NULL DEFAULT 0,   -- the fence: grows with every claim
    worker               TEXT,
    claimed_at           TIMESTAMPTZ,
    beat_at              TIMESTAMPTZ,
    takeovers            INT NOT NULL DEFAULT 0,      -- claims from a dead worker since the last finished step
    time_limit_s         INT NOT NULL,                -- of running; thinking time does not count
    ran_s                DOUBLE PRECISION NOT NULL DEFAULT 0,
    blocked_by           UUID REFERENCES runs,        -- the run whose project lease this one waits for
    cancel_requested_at  TIMESTAMPTZ,
    cancel_requested_by  TEXT REFERENCES users,
    last_event           BIGINT NOT NULL DEFAULT 0,
    idempotency_key      TEXT UNIQUE,
    trace_id             TEXT NOT NULL,
    created_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    started_at           TIMESTAMPTZ,
    ended_at             TIMESTAMPTZ,
    CHECK ((ended_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled', 'timed_out')))
);
-- The lease on a project: at most one of its runs is running.
CREATE UNIQUE INDEX runs_project_lease ON runs (project_id) WHERE status = 'running';
-- A session's and a project's runs, newest first; what has not ended, for recovery and /status.
CREATE INDEX runs_of_session ON runs (session_id, number DESC);
CREATE INDEX runs_of_project ON runs (project_id, number DESC);
CREATE INDEX runs_open ON runs (status, number) WHERE ended_at IS NULL;
CREATE INDEX runs_of_worker ON runs (worker) WHERE status = 'running';

-- No code path may leave the state machine of DESIGN section 1, whoever writes.
CREATE FUNCTION runs_guard_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> NEW.status AND NOT (
        (OLD.status = 'queued'  AND NEW.status IN ('running', 'cancelled', 'failed', 'timed_out')) OR
        (OLD.status = 'running' AND NEW.status IN ('waiting', 'succeeded', 'failed', 'cancelled', 'timed_out')) OR
        (OLD.status = 'waiting' AND NEW.status IN ('running', 'cancelled', 'failed', 'timed_out'))
    ) THEN
        RAISE EXCEPTION 'a run cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'TW002';
    END IF;
    IF NEW.claim_token < OLD.claim_token THEN
        RAISE EXCEPTION 'a claim token never shrinks' USING ERRCODE = 'TW002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER runs_guard_transition BEFORE UPDATE OF status, claim_token ON runs
    FOR EACH ROW EXECUTE FUNCTION runs_guard_transition();

-- Raises TW001 unless the claim still holds, and keeps it so until the transaction ends.
CREATE FUNCTION assert_claim(run UUID, token BIGINT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM runs WHERE id = run AND claim_token = token AND status = 'running' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'claim % of run % is lost', token, run USING ERRCODE = 'TW001';
    END IF;
END $$;

-- A run's row, locked after its project's: everything that takes both does so in this order,
-- so that nobody waits in a circle.
CREATE FUNCTION lock_run(run UUID) RETURNS SETOF runs LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM projects WHERE id = (SELECT project_id FROM runs WHERE id = run) FOR UPDATE;
    RETURN QUERY SELECT * FROM runs WHERE id = run FOR UPDATE;
END $$;

CREATE TABLE events (
    run_id      UUID NOT NULL REFERENCES runs,
    seq         BIGINT NOT NULL,                  -- 1, 2, 3 … without a gap
    type        TEXT NOT NULL,
    data        JSONB NOT NULL,
    trace_id    TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE approvals (
    id                UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    run_id            UUID NOT NULL REFERENCES runs,
    interrupt_id      TEXT NOT NULL,              -- LangGraph's: one per task and answer
    task_id           TEXT NOT NULL,
    ordinal           INT NOT NULL,               -- how many answers the task had before
    question          JSONB NOT NULL,
    digest            TEXT NOT NULL,              -- of exactly what would be done
    allowed_roles     TEXT[] NOT NULL,
    by_someone_else   BOOLEAN NOT NULL DEFAULT false,
    status            TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'decided', 'expired', 'withdrawn')),
    answer            JSONB,
    decided_by        TEXT REFERENCES users,
    decided_at        TIMESTAMPTZ,
    delivered_at      TIMESTAMPTZ,                -- when a claim took the answer to the graph
    expires_at        TIMESTAMPTZ NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (run_id, interrupt_id),
    CHECK ((status = 'decided') = (answer IS NOT NULL))
);
CREATE INDEX approvals_pending ON approvals (expires_at) WHERE status = 'pending';

CREATE TABLE effects (
    run_id      UUID NOT NULL REFERENCES runs,
    key         TEXT NOT NULL,                    -- the step, and what in it
    kind        TEXT NOT NULL,                    -- 'repository', 'commit', 'release', 'deployment' …
    request     TEXT NOT NULL,                    -- digest of what was asked for
    status      TEXT NOT NULL CHECK (status IN ('started', 'done')),
    result      JSONB,
    attempts    INT NOT NULL DEFAULT 1,
    started_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    done_at     TIMESTAMPTZ,
    PRIMARY KEY (run_id, key)
);

CREATE TABLE releases (
    id           UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id   UUID NOT NULL REFERENCES projects,
    number       INT NOT NULL,                    -- 1, 2, 3 … of the project, for people
    commit_sha   TEXT NOT NULL,
    digest       TEXT NOT NULL,                   -- SHA-256 of the archive
    contract     JSONB NOT NULL,
    tests        TEXT NOT NULL,                   -- the summary a person was shown
    run_id       UUID NOT NULL REFERENCES runs,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (project_id, commit_sha),
    UNIQUE (project_id, number)
);

-- The fence a server sees: grows with every attempt, whoever makes it.
CREATE SEQUENCE deployment_fence;

CREATE TABLE deployments (
    id                   UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    project_id           UUID NOT NULL REFERENCES projects,
    release_id           UUID NOT NULL REFERENCES releases,
    run_id               UUID NOT NULL REFERENCES runs,
    attempt              INT NOT NULL DEFAULT 1,  -- a person may ask for another after a failure
    server               TEXT NOT NULL,
    fence                BIGINT NOT NULL,
    status               TEXT NOT NULL DEFAULT 'started' CHECK (status IN ('started', 'succeeded', 'failed')),
    url                  TEXT,
    reason               TEXT,
    previous_release_id  UUID REFERENCES releases,
    started_at           TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at             TIMESTAMPTZ,
    UNIQUE (run_id, attempt)
);
-- The release a project runs: its last deployment that succeeded.
CREATE INDEX deployments_of_project ON deployments (project_id, ended_at DESC);

-- What the conversation was: people's messages and the answers, in order.
CREATE TABLE turns (
    session_id  UUID NOT NULL REFERENCES sessions,
    seq         BIGINT NOT NULL,
    author      TEXT NOT NULL CHECK (author IN ('person', 'telewright')),
    user_id     TEXT REFERENCES users,
    body        JSONB NOT NULL,
    run_id      UUID REFERENCES runs,
    inbox_id    BIGINT REFERENCES inbox,
    trace_id    TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (session_id, seq)
);
CREATE INDEX turns_of_message ON turns (inbox_id);

-- How far a reader has read: a front its session's turns, a notifier a run's events.
CREATE TABLE cursors (
    reader    TEXT NOT NULL,
    stream    TEXT NOT NULL,
    position  BIGINT NOT NULL,
    PRIMARY KEY (reader, stream)
);

CREATE TABLE audit (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    user_id   TEXT NOT NULL REFERENCES users,
    front     TEXT NOT NULL,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    digest    TEXT,
    details   JSONB NOT NULL DEFAULT '{}',
    trace_id  TEXT NOT NULL
);
CREATE INDEX audit_of_subject ON audit (subject, id DESC);
