-- Which commit of a project was compared with its documents last.
CREATE TABLE document_plans (
    project_id  UUID PRIMARY KEY REFERENCES projects,
    commit_sha  TEXT NOT NULL,
    planned_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- The queue of what is to be indexed, and the record of what is: a row per file of a project's head.
CREATE TABLE documents (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id   UUID NOT NULL REFERENCES projects,
    path         TEXT NOT NULL,
    blob_sha     TEXT NOT NULL,                   -- git's hash of the content that the head has
    size         BIGINT NOT NULL,
    indexed_sha  TEXT,                            -- the content that the chunks were made from
    embedded_by  TEXT,                            -- the model that all its chunks have vectors of
    language     TEXT NOT NULL DEFAULT '',
    state        TEXT NOT NULL CHECK (state IN ('queued', 'indexed', 'skipped', 'dead')),
    reason       TEXT,                            -- why it is skipped, or read without its symbols
    attempts     INT NOT NULL DEFAULT 0,          -- times it was taken up since it was queued
    due_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    error        TEXT,
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (project_id, path),
    CHECK ((state = 'skipped') <= (reason IS NOT NULL)),
    CHECK ((state = 'dead') <= (error IS NOT NULL))
);
-- What is to be indexed next.
CREATE INDEX documents_due ON documents (due_at, id) WHERE state = 'queued';

-- The words of code: every identifier whole, and then its parts. `MaxRetries` and `max_retries` are both
-- found as "maxretries", "max" and "retries". Punctuation goes first, since PostgreSQL's parser would take
-- code for addresses, file names and tags, and drop some of them. Only ASCII is looked at, under the C
-- collation: letters of other scripts stay as they are, and it is four times as fast.
CREATE FUNCTION identifier_parts(written TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(written COLLATE "C",
                          '([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])|[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+',
                          '\1\3 \2\4', 'g')
$$;
CREATE FUNCTION code_words(written TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(replace(written, '_', '') COLLATE "C",
                          '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g')
           || ' ' || identifier_parts(written)
$$;

-- Where a chunk's words stand counts: its symbol or heading most, then its path, then its text.
CREATE FUNCTION chunk_words(path TEXT, symbol TEXT, kind TEXT, content TEXT) RETURNS TSVECTOR
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT setweight(to_tsvector('simple', code_words(symbol)), 'A')
        || setweight(to_tsvector('simple', code_words(path)), 'B')
        || CASE kind
             WHEN 'prose' THEN setweight(to_tsvector('english', symbol), 'A')
                            || setweight(to_tsvector('english', content), 'C')
             ELSE setweight(to_tsvector('simple', code_words(content)), 'C')
           END
$$;

CREATE TABLE chunks (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id  BIGINT NOT NULL REFERENCES documents ON DELETE CASCADE,
    project_id   UUID NOT NULL,
    path         TEXT NOT NULL,
    ordinal      INT NOT NULL,
    symbol       TEXT NOT NULL,                   -- 'Server.start', a heading, or nothing
    kind         TEXT NOT NULL CHECK (kind IN ('code', 'prose')),
    first_line   INT NOT NULL,
    last_line    INT NOT NULL,
    content      TEXT NOT NULL,
    words        TSVECTOR NOT NULL GENERATED ALWAYS AS (chunk_words(path, symbol, kind, content)) STORED,
    UNIQUE (document_id, ordinal)
);
-- The chunks that have a word.
CREATE INDEX chunks_words ON chunks USING gin (words);

-- Vectors are there where PostgreSQL can compare them; without the extension, and without the right to
-- create it, words alone are searched.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        CREATE EXTENSION IF NOT EXISTS vector;
        CREATE TABLE chunk_vectors (
            chunk_id   BIGINT PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
            model      TEXT NOT NULL,
            embedding  VECTOR NOT NULL            -- of as many dimensions as the model gives
        );
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the extension vector is not created: only words are searched';
END $$;
