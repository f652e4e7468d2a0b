-- Format 3: the small store that a plugin may ask for. Its values belong to the plugin, not to an
-- app; they stay until the plugin deletes them.

CREATE TABLE plugin_store (
  plugin TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;
