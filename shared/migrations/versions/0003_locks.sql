-- Since when a lease is held, and how long its holder may be silent before nobody holds it.
ALTER TABLE leases ADD COLUMN taken_at TIMESTAMPTZ;
ALTER TABLE leases ADD COLUMN released_at TIMESTAMPTZ;
ALTER TABLE leases ADD COLUMN silence_s DOUBLE PRECISION NOT NULL DEFAULT 8;
