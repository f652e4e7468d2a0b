-- Format 2: pinned releases, and what add-ons have cost.

ALTER TABLE release ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1));

-- From when to when an app had an add-on on one plan at one price, in milliseconds since 1970; the
-- end is NULL while it goes on. `app` and `owner` are names and no references: what was used
-- outlives releases and apps. `price` is in cents a month.
CREATE TABLE usage (
  id INTEGER PRIMARY KEY,
  app TEXT NOT NULL,
  owner TEXT NOT NULL,
  plan TEXT NOT NULL,
  price INTEGER NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER,
  CHECK (from_at <= to_at)
) STRICT;

CREATE INDEX usage_open ON usage (app) WHERE to_at IS NULL;

CREATE INDEX usage_end ON usage (to_at);

-- What apps have already begins with the oldest release that is kept of those that had it; nothing
-- older is known.
INSERT INTO usage (app, owner, plan, price, from_at)
SELECT a.name, a.owner, h.plan, h.price, coalesce(
    (SELECT min(r.created_at) FROM release r WHERE r.app_id = a.id AND r.status = 'succeeded'
      AND r.version >= h.from_version AND r.version <= a.current_version),
    a.created_at)
FROM app a
JOIN (
  SELECT app_id, service, from_version, 9223372036854775807 AS to_version, plan, price
  FROM addon_now
  UNION ALL
  SELECT app_id, service, from_version, to_version, plan, price FROM addon_past
) h ON h.app_id = a.id AND h.from_version <= a.current_version AND h.to_version > a.current_version
WHERE h.service <> 'releases' OR NOT EXISTS (SELECT 1 FROM first_tier t WHERE t.app_id = a.id);

INSERT INTO usage (app, owner, plan, price, from_at)
SELECT a.name, a.owner, t.plan, t.price, coalesce(
    (SELECT r.created_at FROM release r WHERE r.app_id = a.id AND r.version = t.since),
    a.created_at)
FROM first_tier t JOIN app a ON a.id = t.app_id;
