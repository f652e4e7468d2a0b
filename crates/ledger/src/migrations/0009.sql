-- Format 9: what is kept of a release beside its content, and goes with it: what its release phase wrote,
-- and why it went bad after it had taken over. `body` is sealed text.

CREATE TABLE kept (
  app_id INTEGER NOT NULL,
  version INTEGER NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('output', 'verdict')),
  body BLOB NOT NULL,
  PRIMARY KEY (app_id, version, what),
  FOREIGN KEY (app_id, version) REFERENCES release (app_id, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
