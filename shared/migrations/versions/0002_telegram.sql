-- A person who was let go: what they did stays theirs, and they are a stranger again.
ALTER TABLE users ADD COLUMN removed_at TIMESTAMPTZ;
-- Whoever stands in ALLOWED_USER_IDS: let in by it, and let go when it names them no more.
ALTER TABLE users ADD COLUMN from_settings BOOLEAN NOT NULL DEFAULT false;
-- An owner called them so; else they are called as they call themselves.
ALTER TABLE users ADD COLUMN name_given BOOLEAN NOT NULL DEFAULT false;

-- A message that cannot be handled must not stand before the others of its chat for ever.
ALTER TABLE inbox ADD COLUMN attempts INT NOT NULL DEFAULT 0;
-- Nor must one over which process after process ends.
ALTER TABLE inbox ADD COLUMN begun INT NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN error TEXT;

-- Whoever must decide was told that the time is nearly over.
ALTER TABLE approvals ADD COLUMN reminded_at TIMESTAMPTZ;
-- More to read before deciding, as [{name, text}]: kept once, and apart from the question that
-- is shown, since events and chats carry that about. There only the names are.
ALTER TABLE approvals ADD COLUMN details JSONB NOT NULL DEFAULT '[]';

-- One holder at a time of what only one process may do. The lock itself is an advisory one,
-- which ends with its process; the row fences a holder that was paused, and says who it is.
CREATE TABLE leases (
    name         TEXT PRIMARY KEY,
    token        BIGINT NOT NULL DEFAULT 0,       -- grows with every holder
    holder       TEXT NOT NULL DEFAULT '',
    backend_pid  INT,                             -- of the connection that holds the lock
    beat_at      TIMESTAMPTZ
);

-- Groups in which people who are let in may talk to the bot; more stand in ALLOWED_USER_IDS.
CREATE TABLE telegram_groups (
    chat_id     BIGINT PRIMARY KEY,
    allowed_by  TEXT NOT NULL REFERENCES users,
    allowed_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Files that came with what people said; their contents are below the home, by their digests.
CREATE TABLE attachments (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id  UUID NOT NULL REFERENCES sessions,
    inbox_id    BIGINT NOT NULL REFERENCES inbox,
    run_id      UUID REFERENCES runs,             -- the work that the same message started
    name        TEXT NOT NULL,
    media_type  TEXT NOT NULL DEFAULT '',
    size        BIGINT NOT NULL,
    sha256      TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX attachments_of_session ON attachments (session_id, id);
CREATE INDEX attachments_of_run ON attachments (run_id) WHERE run_id IS NOT NULL;

-- What Telegram's chats are, as far as they were met.
CREATE TABLE telegram_chats (
    chat_id          BIGINT PRIMARY KEY,
    kind             TEXT NOT NULL CHECK (kind IN ('private', 'group', 'supergroup', 'forum')),
    title            TEXT NOT NULL DEFAULT '',
    state            TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'blocked', 'gone')),
    moved_to         BIGINT,                      -- a group that became a supergroup
    last_message_id  BIGINT NOT NULL DEFAULT 0,   -- the greatest that was seen there
    paused_until     TIMESTAMPTZ,                 -- Telegram said: retry after
    updated_at       TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE telegram_topics (
    chat_id      BIGINT NOT NULL,
    thread_id    BIGINT NOT NULL,
    name         TEXT NOT NULL DEFAULT '',
    opened_for   TEXT UNIQUE,                     -- the update that made us open it
    gone_at      TIMESTAMPTZ,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (chat_id, thread_id)
);

-- What should stand in a chat: one row, one message. It is sent once, and edited when what
-- should stand there has changed since.
CREATE TABLE outbox (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            TEXT NOT NULL UNIQUE,          -- what it says: a turn, an event, a run's progress
    chat_id        BIGINT NOT NULL,
    thread_id      BIGINT,                        -- a topic; NULL for the chat itself
    session_id     UUID REFERENCES sessions,
    run_number     BIGINT,
    approval_id    UUID,
    content        JSONB NOT NULL,                -- bot.outgoing.Outgoing
    solicited      BOOLEAN NOT NULL,              -- an answer to what a person has just said
    revision       INT NOT NULL DEFAULT 1,
    sent_revision  INT NOT NULL DEFAULT 0,
    message_id     BIGINT,
    status         TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'sent', 'dropped')),
    attempts       INT NOT NULL DEFAULT 0,
    due_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    error          TEXT,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    sent_at        TIMESTAMPTZ
);
-- What is to be sent or edited next, in the order of a chat.
CREATE INDEX outbox_open ON outbox (chat_id, id)
    WHERE status IN ('pending', 'sending') OR (status = 'sent' AND sent_revision < revision);
-- The row of a message that somebody answers or presses; the messages of a question.
CREATE INDEX outbox_message ON outbox (chat_id, message_id);
CREATE INDEX outbox_approval ON outbox (approval_id) WHERE approval_id IS NOT NULL;

-- What a button means. Telegram carries only its id.
CREATE TABLE outbox_buttons (
    id         TEXT PRIMARY KEY,
    outbox_id  BIGINT NOT NULL REFERENCES outbox,
    choice     JSONB NOT NULL                     -- graph.conversation.replies.ReplyChoice
);
CREATE INDEX outbox_buttons_of ON outbox_buttons (outbox_id);
