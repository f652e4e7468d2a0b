-- Format 4: which plugins were asked for a release, and what each was made of. The set is the same
-- for most releases, so each is stored once, as JSON sorted by name. There are as many as there have
-- been combinations of plugins, whatever the number of releases, and they stay.

CREATE TABLE plugin_set (
  id INTEGER PRIMARY KEY,
  plugins TEXT NOT NULL UNIQUE
) STRICT;

-- NULL where none was asked, and in releases from before this format.
ALTER TABLE release ADD COLUMN plugins INTEGER REFERENCES plugin_set (id);
