-- A run that waits for a moment and not for a person: when its job takes it up again, and why not before.
ALTER TABLE runs ADD COLUMN resume_at TIMESTAMPTZ;
ALTER TABLE runs ADD COLUMN pause TEXT;
-- Since when it has been paused again and again without finishing a step: that has an end.
ALTER TABLE runs ADD COLUMN paused_since TIMESTAMPTZ;
ALTER TABLE runs ADD CHECK ((resume_at IS NULL) = (pause IS NULL));
ALTER TABLE runs ADD CHECK (resume_at IS NULL OR status = 'waiting');
