-- Format 12: code that came through the API: slugs that were brought, and builds. What a build wrote is sealed.

CREATE TABLE brought (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  said TEXT NOT NULL,
  slug INTEGER REFERENCES slug (id)
) STRICT;

CREATE INDEX brought_app ON brought (app_id, place);
CREATE INDEX brought_slug ON brought (slug);

CREATE TABLE build (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  said TEXT NOT NULL,
  status TEXT NOT NULL,
  release INTEGER,
  slug TEXT,
  output BLOB
) STRICT;

CREATE INDEX build_app ON build (app_id, place);
CREATE INDEX build_pending ON build (status) WHERE status = 'pending';
