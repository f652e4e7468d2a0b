-- Format 6: each release proves its content and its predecessor; who did what, from where, is on
-- record, whatever came of it; what an operation has begun outside of the ledger is in a journal.

-- `content` is the keyed digest of what the release is a snapshot of and who made it; `digest` that
-- of the whole release with the digest of the one before. NULL in releases from before this format,
-- and as long as a release, or the one before it, is pending.
ALTER TABLE release ADD COLUMN content BLOB;
ALTER TABLE release ADD COLUMN digest BLOB;

-- A command, and the machine and terminal that it was typed at; most releases share a few.
CREATE TABLE origin (
  id INTEGER PRIMARY KEY,
  command TEXT NOT NULL,
  place TEXT NOT NULL,
  UNIQUE (command, place)
) STRICT;

ALTER TABLE release ADD COLUMN origin INTEGER REFERENCES origin (id);

CREATE INDEX release_pending ON release (app_id) WHERE status = 'pending';

-- A receipt keeps what the digest is made of, and what the audit lists.
ALTER TABLE receipt ADD COLUMN actor TEXT;
ALTER TABLE receipt ADD COLUMN created_at INTEGER;
ALTER TABLE receipt ADD COLUMN reason TEXT;
ALTER TABLE receipt ADD COLUMN plugins INTEGER REFERENCES plugin_set (id);
ALTER TABLE receipt ADD COLUMN origin INTEGER REFERENCES origin (id);
ALTER TABLE receipt ADD COLUMN content BLOB;
ALTER TABLE receipt ADD COLUMN digest BLOB;

-- What was done or refused and made no release; and the releases of apps that are gone. `app` is a
-- name and no reference.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  app TEXT,
  actor TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
  what TEXT NOT NULL,
  version INTEGER,
  plugins INTEGER REFERENCES plugin_set (id),
  origin INTEGER REFERENCES origin (id)
) STRICT;

CREATE INDEX audit_app ON audit (app, id);

-- What an operation has begun outside of the ledger: written before it is done, gone once the
-- release that it is for has succeeded, or once it has been undone. `effect` is sealed.
CREATE TABLE journal (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  stage TEXT NOT NULL CHECK (stage IN ('begun', 'done', 'undo')),
  effect BLOB NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX journal_app ON journal (app_id);

-- An event that could not be delivered is tried again from then on.
ALTER TABLE outbox ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX usage_owner ON usage (owner) WHERE to_at IS NULL;
