-- Format 11: webhooks, what happened that they are told of, and what became of each delivery. `body` is
-- sealed: where it is posted, and the key of the signature.

CREATE TABLE webhook (
  id TEXT PRIMARY KEY,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  include TEXT NOT NULL,
  level TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_app ON webhook (app_id);

CREATE TABLE webhook_event (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id INTEGER NOT NULL REFERENCES app (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  happening TEXT NOT NULL
) STRICT;

CREATE INDEX webhook_event_app ON webhook_event (app_id, place);

CREATE TABLE webhook_delivery (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook TEXT NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
  event INTEGER NOT NULL REFERENCES webhook_event (place) ON DELETE CASCADE,
  progress TEXT NOT NULL DEFAULT 'pending',
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,
  tried_at INTEGER,
  code INTEGER,
  error TEXT
) STRICT;

CREATE INDEX webhook_delivery_event ON webhook_delivery (event);
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook);
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook, place)
  WHERE progress IN ('pending', 'retrying');
