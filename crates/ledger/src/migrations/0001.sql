-- Format 1. Migrations are never edited once they have shipped; a change is a new file.
--
-- Config vars and add-ons are kept as intervals of release numbers. What the newest number holds
-- is in the _now tables; what an older number held and the newest does not is in the _past tables,
-- for the numbers from_version <= N < to_version. Intervals of one key never overlap.

CREATE TABLE app (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  branch TEXT,
  last_version INTEGER NOT NULL DEFAULT 0,
  current_version INTEGER,
  deploy_version INTEGER,
  deploy_slug INTEGER REFERENCES slug (id),
  code_pinned INTEGER NOT NULL DEFAULT 0 CHECK (code_pinned IN (0, 1))
) STRICT;

CREATE INDEX app_deploy_slug ON app (deploy_slug);

-- A slug is stored once for all releases that hold it, and only as long as one does. `body` is the
-- whole of it; two slugs may share a digest, having come from different commits.
CREATE TABLE slug (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE INDEX slug_digest ON slug (digest);

CREATE TABLE release (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  version INTEGER NOT NULL CHECK (version > 0),
  change TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
  reason TEXT,
  slug INTEGER REFERENCES slug (id),
  PRIMARY KEY (app_id, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX release_slug ON release (slug);

-- `owner` is the service that lends the var; none where a person set it.
CREATE TABLE config_now (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  value TEXT NOT NULL,
  owner TEXT,
  PRIMARY KEY (app_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE config_past (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  to_version INTEGER NOT NULL,
  from_version INTEGER NOT NULL,
  value TEXT NOT NULL,
  owner TEXT,
  PRIMARY KEY (app_id, key, to_version),
  CHECK (from_version < to_version)
) STRICT, WITHOUT ROWID;

-- `price` is in cents a month.
CREATE TABLE addon_now (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  service TEXT NOT NULL,
  from_version INTEGER NOT NULL,
  plan TEXT NOT NULL,
  price INTEGER NOT NULL,
  resource TEXT,
  PRIMARY KEY (app_id, service)
) STRICT, WITHOUT ROWID;

CREATE TABLE addon_past (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  service TEXT NOT NULL,
  to_version INTEGER NOT NULL,
  from_version INTEGER NOT NULL,
  plan TEXT NOT NULL,
  price INTEGER NOT NULL,
  resource TEXT,
  PRIMARY KEY (app_id, service, to_version),
  CHECK (from_version < to_version)
) STRICT, WITHOUT ROWID;

-- The tier that was installed without a release (S9), until a release recorded after `since`
-- succeeds: that one was planned with the tier in view, and says itself what becomes of it.
CREATE TABLE first_tier (
  app_id INTEGER PRIMARY KEY REFERENCES app (id) ON DELETE CASCADE,
  since INTEGER NOT NULL,
  plan TEXT NOT NULL,
  price INTEGER NOT NULL,
  resource TEXT
) STRICT;

-- What is left of a release that was pruned (S15): `slug` is the digest of its code.
CREATE TABLE receipt (
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  change TEXT NOT NULL,
  status TEXT NOT NULL,
  slug TEXT,
  pruned_at INTEGER NOT NULL,
  PRIMARY KEY (app_id, version)
) STRICT, WITHOUT ROWID;

-- `app` is a name and no reference: a resource outlives its app until it is deprovisioned.
CREATE TABLE resource (
  id TEXT PRIMARY KEY,
  app TEXT NOT NULL,
  plan TEXT NOT NULL,
  options TEXT NOT NULL,
  config TEXT NOT NULL,
  process TEXT,
  port INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX resource_app ON resource (app);

-- AUTOINCREMENT: a place that was delivered is never given to another event.
CREATE TABLE outbox (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  event TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT
) STRICT;

CREATE INDEX outbox_app ON outbox (app_id);
