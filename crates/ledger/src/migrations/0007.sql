-- Format 7: when the tier of an app with a long history was last asked what it keeps, so that it is
-- not shown all of it after every release. `last` was the newest number then, `kept` how many
-- releases stayed. No row where the history is short.

CREATE TABLE asked (
  app_id INTEGER PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
  tier TEXT NOT NULL,
  last INTEGER NOT NULL,
  kept INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
