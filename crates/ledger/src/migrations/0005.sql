-- Format 5: values are sealed. What was text is moved to tables of sealed values by the program
-- (sealed.rs), which drops the _plain tables then.

-- The keys that values are sealed with, each sealed itself with the master key that `master` names.
-- `purpose` is 'values', of which the newest seals, or 'history', the one of the digests.
CREATE TABLE data_key (
  id INTEGER PRIMARY KEY,
  purpose TEXT NOT NULL CHECK (purpose IN ('values', 'history')),
  master TEXT NOT NULL,
  sealed BLOB NOT NULL
) STRICT;

ALTER TABLE config_now RENAME TO config_now_plain;

CREATE TABLE config_now (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  value BLOB NOT NULL,
  owner TEXT,
  PRIMARY KEY (app_id, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE config_past RENAME TO config_past_plain;

CREATE TABLE config_past (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  to_version INTEGER NOT NULL,
  from_version INTEGER NOT NULL,
  value BLOB NOT NULL,
  owner TEXT,
  PRIMARY KEY (app_id, key, to_version),
  CHECK (from_version < to_version)
) STRICT, WITHOUT ROWID;

DROP INDEX resource_app;

ALTER TABLE resource RENAME TO resource_plain;

-- `body` holds what the person said and what the provider answered.
CREATE TABLE resource (
  id TEXT PRIMARY KEY,
  app TEXT NOT NULL,
  plan TEXT NOT NULL,
  port INTEGER,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX resource_app ON resource (app);

ALTER TABLE plugin_store RENAME TO plugin_store_plain;

CREATE TABLE plugin_store (
  plugin TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;

ALTER TABLE outbox DROP COLUMN last_error;

ALTER TABLE outbox ADD COLUMN last_error BLOB;
