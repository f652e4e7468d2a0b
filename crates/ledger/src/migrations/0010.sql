-- Format 10: who may do what through the API. Of a token's secret only its SHA-256 is kept.

CREATE TABLE token (
  id TEXT PRIMARY KEY,
  secret BLOB NOT NULL UNIQUE,
  user TEXT NOT NULL,
  description TEXT NOT NULL,
  scopes TEXT NOT NULL,
  app_id INTEGER REFERENCES app (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX token_app ON token (app_id);

CREATE TABLE collaborator (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  user TEXT NOT NULL,
  role TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (app_id, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX collaborator_user ON collaborator (user);
