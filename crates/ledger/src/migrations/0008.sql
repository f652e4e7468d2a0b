-- Format 8: what is set of an app that is no part of a release. `body` is sealed JSON; no row where
-- nothing was ever set. The hosts in it are also in a table of their own, since each belongs to one app.

CREATE TABLE settings (
  app_id INTEGER PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE host (
  name TEXT PRIMARY KEY,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX host_app ON host (app_id);
