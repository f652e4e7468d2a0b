//! Every statement that the ledger runs, so that a test can ask for the plan of each. It must not
//! know what a column means, only how rows are found.

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: &str = $sql;)*

        /// All of them, by name.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}

/// An app with its current release, the status of its newest, the code of its newest deploy and its
/// first tier.
macro_rules! moment {
    ($which:literal) => {
        concat!(
            "SELECT a.id, a.owner, a.created_at, a.branch, a.last_version, a.current_version,
                a.code_pinned, l.status, a.deploy_version, d.body,
                t.plan, t.price, t.resource,
                r.version, r.change, r.actor, r.created_at, r.status, r.reason, r.pinned, s.body,
                a.name, l.content
            FROM app a
            LEFT JOIN release l ON l.app_id = a.id AND l.version = a.last_version
            LEFT JOIN release r ON r.app_id = a.id AND r.version = a.current_version
            LEFT JOIN slug d ON d.id = a.deploy_slug
            LEFT JOIN slug s ON s.id = r.slug
            LEFT JOIN first_tier t ON t.app_id = a.id ",
            $which
        )
    };
}

statements! {
    DATA_KEYS = "SELECT id, purpose, master, sealed FROM data_key ORDER BY id";
    NEWEST_DATA_KEY = "SELECT max(id) FROM data_key";
    ADD_DATA_KEY = "INSERT INTO data_key (id, purpose, master, sealed) VALUES (?1, ?2, ?3, ?4)";
    REWRAP_DATA_KEY = "UPDATE data_key SET master = ?2, sealed = ?3 WHERE id = ?1";

    /// All that was sealed with an older data key has been sealed with the newest before.
    DROP_OLD_DATA_KEYS = "DELETE FROM data_key WHERE purpose = 'values'
        AND id < (SELECT max(id) FROM data_key)";
    /// Whoever asks begins with the number -1 for every name, before which nothing is.
    SEALED_CONFIG_NOW = "SELECT value, app_id, key, from_version FROM config_now
        WHERE (app_id, key) > (?1, ?2) ORDER BY app_id, key LIMIT 1000";
    RESEAL_CONFIG_NOW = "UPDATE config_now SET value = ?1 WHERE app_id = ?2 AND key = ?3";
    SEALED_CONFIG_PAST = "SELECT value, app_id, key, to_version, from_version FROM config_past
        WHERE (app_id, key, to_version) > (?1, ?2, ?3)
        ORDER BY app_id, key, to_version LIMIT 1000";
    RESEAL_CONFIG_PAST = "UPDATE config_past SET value = ?1
        WHERE app_id = ?2 AND key = ?3 AND to_version = ?4";
    SEALED_RESOURCES = "SELECT body, id FROM resource WHERE id > ?1 ORDER BY id LIMIT 1000";
    RESEAL_RESOURCE = "UPDATE resource SET body = ?1 WHERE id = ?2";
    SEALED_STORE = "SELECT value, plugin, key FROM plugin_store
        WHERE (plugin, key) > (?1, ?2) ORDER BY plugin, key LIMIT 1000";
    RESEAL_STORE = "UPDATE plugin_store SET value = ?1 WHERE plugin = ?2 AND key = ?3";
    SEALED_EVENTS = "SELECT last_error, place FROM outbox
        WHERE place > ?1 AND last_error IS NOT NULL ORDER BY place LIMIT 1000";
    SEALED_JOURNAL = "SELECT effect, place, app_id FROM journal
        WHERE place > ?1 ORDER BY place LIMIT 1000";
    RESEAL_JOURNAL = "UPDATE journal SET effect = ?1 WHERE place = ?2";
    SEALED_SETTINGS = "SELECT body, app_id FROM settings
        WHERE app_id > ?1 ORDER BY app_id LIMIT 1000";
    RESEAL_SETTINGS = "UPDATE settings SET body = ?1 WHERE app_id = ?2";
    SEALED_KEPT = "SELECT body, app_id, version, what FROM kept
        WHERE (app_id, version, what) > (?1, ?2, ?3) ORDER BY app_id, version, what LIMIT 1000";
    RESEAL_KEPT = "UPDATE kept SET body = ?1 WHERE app_id = ?2 AND version = ?3 AND what = ?4";
    SEALED_WEBHOOKS = "SELECT body, id FROM webhook WHERE id > ?1 ORDER BY id LIMIT 1000";
    RESEAL_WEBHOOK = "UPDATE webhook SET body = ?1 WHERE id = ?2";
    SEALED_BUILDS = "SELECT output, id FROM build WHERE id > ?1 AND output IS NOT NULL
        ORDER BY id LIMIT 1000";
    RESEAL_BUILD = "UPDATE build SET output = ?1 WHERE id = ?2";
    RESEAL_EVENT = "UPDATE outbox SET last_error = ?1 WHERE place = ?2";

    STORE_GET = "SELECT value FROM plugin_store WHERE plugin = ?1 AND key = ?2";
    /// How many other keys a plugin has: at most a thousand.
    STORE_OTHERS = "SELECT count(*) FROM plugin_store WHERE plugin = ?1 AND key <> ?2";
    STORE_SET = "INSERT OR REPLACE INTO plugin_store (plugin, key, value) VALUES (?1, ?2, ?3)";
    STORE_DELETE = "DELETE FROM plugin_store WHERE plugin = ?1 AND key = ?2";
    STORE_KEYS = "SELECT key FROM plugin_store WHERE plugin = ?1 ORDER BY key";
    APP_ID = "SELECT id FROM app WHERE name = ?1";
    APPS = "SELECT name, owner, created_at, branch FROM app ORDER BY name";
    CREATE_APP = "INSERT INTO app (name, owner, created_at, branch) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (name) DO NOTHING";
    DESTROY_APP = "DELETE FROM app WHERE id = ?1";
    SET_BRANCH = "UPDATE app SET branch = ?2 WHERE name = ?1";
    SET_PINNED = "UPDATE app SET code_pinned = ?2 WHERE name = ?1";
    INSTALL_FIRST_TIER = "INSERT OR REPLACE INTO first_tier (app_id, since, plan, price, resource)
        SELECT id, last_version, ?2, ?3, ?4 FROM app WHERE name = ?1";

    MOMENT = moment!("WHERE a.name = ?1");
    MOMENTS = moment!("ORDER BY a.name");
    RELEASE = "SELECT version, change, actor, created_at, status, reason, pinned, slug
        FROM release WHERE app_id = ?1 AND version = ?2";
    HISTORY = "SELECT version, change, actor, created_at, status, reason, pinned, slug
        FROM release WHERE app_id = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3";
    HISTORY_AFTER = "SELECT version, change, actor, created_at, status, reason, pinned, slug
        FROM release WHERE app_id = ?1 AND version > ?2 ORDER BY version LIMIT ?3";
    IS_KEPT = "SELECT slug FROM release WHERE app_id = ?1 AND version = ?2";

    SLUG = "SELECT body FROM slug WHERE id = ?1";
    SLUGS = "SELECT body FROM slug ORDER BY id";
    FIND_SLUG = "SELECT id FROM slug WHERE digest = ?1 AND body = ?2";
    ADD_SLUG = "INSERT INTO slug (digest, body) VALUES (?1, ?2)";
    DROP_UNUSED_SLUG = "DELETE FROM slug WHERE id = ?1
        AND NOT EXISTS (SELECT 1 FROM release WHERE slug = ?1)
        AND NOT EXISTS (SELECT 1 FROM app WHERE deploy_slug = ?1)
        AND NOT EXISTS (SELECT 1 FROM brought WHERE slug = ?1)";
    SLUGS_OF_APP = "SELECT slug FROM release WHERE app_id = ?1 AND slug IS NOT NULL
        UNION SELECT deploy_slug FROM app WHERE id = ?1 AND deploy_slug IS NOT NULL
        UNION SELECT slug FROM brought WHERE app_id = ?1 AND slug IS NOT NULL";

    FIND_PLUGINS = "SELECT id FROM plugin_set WHERE plugins = ?1";
    ADD_PLUGINS = "INSERT INTO plugin_set (plugins) VALUES (?1)";
    PLUGINS_AT = "SELECT s.plugins FROM release r LEFT JOIN plugin_set s ON s.id = r.plugins
        WHERE r.app_id = ?1 AND r.version = ?2";

    COUNTERS = "SELECT id, last_version, current_version, deploy_version, deploy_slug
        FROM app WHERE name = ?1";
    ADD_RELEASE = "INSERT INTO release (app_id, version, change, actor, created_at, status, slug,
            plugins, origin, content)
        VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, ?9)";
    SET_DIGEST = "UPDATE release SET digest = ?3 WHERE app_id = ?1 AND version = ?2";
    /// The digest of a release, kept or pruned, and whether it is one that is still to come.
    DIGEST_BEFORE = "SELECT digest, status = 'pending' OR (digest IS NULL AND content IS NOT NULL)
        FROM release WHERE app_id = ?1 AND version = ?2
        UNION ALL SELECT digest, 0 FROM receipt WHERE app_id = ?1 AND version = ?2";
    LINK = "SELECT r.change, r.status, r.reason, s.digest, r.content
        FROM release r LEFT JOIN slug s ON s.id = r.slug
        WHERE r.app_id = ?1 AND r.version = ?2 AND r.status <> 'pending'
        AND r.digest IS NULL AND r.content IS NOT NULL";
    DIGEST = "SELECT digest FROM release WHERE app_id = ?1 AND version = ?2";
    /// The whole history of an app, kept and pruned, from the first number on.
    CHAIN = "SELECT r.version, r.change, r.status, r.reason, s.digest, r.content, r.digest, r.actor,
            r.created_at, iif(r.plugins IS NULL, NULL, coalesce(g.plugins, '?')), r.slug, 1
        FROM release r LEFT JOIN slug s ON s.id = r.slug
        LEFT JOIN plugin_set g ON g.id = r.plugins WHERE r.app_id = ?1
        UNION ALL
        SELECT t.version, t.change, t.status, t.reason, t.slug, t.content, t.digest, t.actor,
            t.created_at, g.plugins, NULL, 0
        FROM receipt t LEFT JOIN plugin_set g ON g.id = t.plugins WHERE t.app_id = ?1
        ORDER BY 1";
    CONFIG_ALL = "SELECT key, value, owner, from_version, to_version
        FROM config_past WHERE app_id = ?1
        UNION ALL
        SELECT key, value, owner, from_version, 9223372036854775807
        FROM config_now WHERE app_id = ?1 ORDER BY 4";
    ADDONS_ALL = "SELECT service, plan, price, resource, from_version, to_version
        FROM addon_past WHERE app_id = ?1
        UNION ALL
        SELECT service, plan, price, resource, from_version, 9223372036854775807
        FROM addon_now WHERE app_id = ?1 ORDER BY 5";

    EXPORT_APP = "SELECT a.id, a.owner, a.created_at, a.branch, a.last_version, a.current_version,
            a.code_pinned, a.deploy_version, a.deploy_slug, t.since, t.plan, t.price, t.resource
        FROM app a LEFT JOIN first_tier t ON t.app_id = a.id WHERE a.name = ?1";
    EXPORT_PLUGINS = "SELECT id, plugins FROM plugin_set WHERE id IN (
            SELECT plugins FROM release WHERE app_id = ?1
            UNION SELECT plugins FROM receipt WHERE app_id = ?1)
        ORDER BY plugins";
    EXPORT_ORIGINS = "SELECT id, command, place FROM origin WHERE id IN (
            SELECT origin FROM release WHERE app_id = ?1
            UNION SELECT origin FROM receipt WHERE app_id = ?1)
        ORDER BY command, place";
    EXPORT_RELEASES = "SELECT version, change, actor, created_at, status, reason, slug, pinned,
            plugins, origin, digest
        FROM release WHERE app_id = ?1 ORDER BY version";
    EXPORT_RECEIPTS = "SELECT version, change, actor, created_at, status, reason, slug, pruned_at,
            plugins, origin, digest
        FROM receipt WHERE app_id = ?1 ORDER BY version";
    IMPORT_RELEASE = "INSERT INTO release (app_id, version, change, actor, created_at, status,
            reason, slug, pinned, plugins, origin, content, digest)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    IMPORT_RECEIPT = "INSERT INTO receipt (app_id, version, change, status, slug, pruned_at, actor,
            created_at, reason, plugins, origin, content, digest)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    IMPORT_FIRST_TIER = "INSERT INTO first_tier (app_id, since, plan, price)
        VALUES (?1, ?2, ?3, ?4)";

    ADD_AUDIT = "INSERT INTO audit (at, app, actor, outcome, what, origin)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    /// Before an app goes: its releases, kept and pruned, as far as the audit lists them.
    AUDIT_RELEASES = "INSERT INTO audit (at, app, actor, outcome, what, version, plugins, origin)
        SELECT created_at, name, actor, outcome, change, version, plugins, origin FROM (
            SELECT r.created_at, a.name, r.actor,
                CASE r.status WHEN 'succeeded' THEN 'done' ELSE 'failed' END AS outcome,
                r.change, r.version, r.plugins, r.origin
            FROM app a JOIN release r ON r.app_id = a.id WHERE a.id = ?1
            UNION ALL
            SELECT t.created_at, a.name, t.actor,
                CASE t.status WHEN 'succeeded' THEN 'done' ELSE 'failed' END,
                t.change, t.version, t.plugins, t.origin
            FROM app a JOIN receipt t ON t.app_id = a.id
            WHERE a.id = ?1 AND t.actor IS NOT NULL
        ) ORDER BY version";
    /// `?2` to `?4` may leave out: another actor, another outcome, what was before.
    AUDIT_OF_APP = "WITH found AS (
            SELECT * FROM (
                SELECT r.created_at AS at, r.actor,
                    CASE r.status WHEN 'succeeded' THEN 'done' ELSE 'failed' END AS outcome,
                    r.change AS what, r.version, r.reason, r.origin, r.plugins
                FROM release r WHERE r.app_id = (SELECT id FROM app WHERE name = ?1)
                AND r.status <> 'pending'
                AND (?2 IS NULL OR r.actor = ?2) AND r.created_at >= ?4
                AND (?3 IS NULL OR outcome = ?3) ORDER BY r.version DESC LIMIT ?5)
            UNION ALL SELECT * FROM (
                SELECT t.created_at, t.actor,
                    CASE t.status WHEN 'succeeded' THEN 'done' ELSE 'failed' END AS outcome,
                    t.change, t.version, t.reason, t.origin, t.plugins
                FROM receipt t WHERE t.app_id = (SELECT id FROM app WHERE name = ?1)
                AND t.actor IS NOT NULL AND (?2 IS NULL OR t.actor = ?2) AND t.created_at >= ?4
                AND (?3 IS NULL OR outcome = ?3) ORDER BY t.version DESC LIMIT ?5)
            UNION ALL SELECT * FROM (
                SELECT u.at, u.actor, u.outcome, u.what, u.version, NULL, u.origin, u.plugins
                FROM audit u WHERE u.app = ?1
                AND (?2 IS NULL OR u.actor = ?2) AND u.at >= ?4
                AND (?3 IS NULL OR u.outcome = ?3) ORDER BY u.id DESC LIMIT ?5)
        )
        SELECT f.at, ?1, f.actor, f.outcome, f.what, f.version, f.reason, o.command, o.place,
            g.plugins
        FROM found f LEFT JOIN origin o ON o.id = f.origin LEFT JOIN plugin_set g ON g.id = f.plugins
        ORDER BY f.at DESC, f.version DESC LIMIT ?5";
    /// The same of all apps, and of what is about none; it looks at everything there is.
    AUDIT_ALL = "WITH found AS (
            SELECT r.created_at AS at, a.name AS app, r.actor,
                CASE r.status WHEN 'succeeded' THEN 'done' ELSE 'failed' END AS outcome,
                r.change AS what, r.version, r.reason, r.origin, r.plugins
            FROM release r JOIN app a ON a.id = r.app_id WHERE r.status <> 'pending'
            UNION ALL
            SELECT t.created_at, a.name, t.actor,
                CASE t.status WHEN 'succeeded' THEN 'done' ELSE 'failed' END,
                t.change, t.version, t.reason, t.origin, t.plugins
            FROM receipt t JOIN app a ON a.id = t.app_id WHERE t.actor IS NOT NULL
            UNION ALL
            SELECT u.at, u.app, u.actor, u.outcome, u.what, u.version, NULL, u.origin, u.plugins
            FROM audit u
        )
        SELECT f.at, f.app, f.actor, f.outcome, f.what, f.version, f.reason, o.command, o.place,
            g.plugins
        FROM found f LEFT JOIN origin o ON o.id = f.origin LEFT JOIN plugin_set g ON g.id = f.plugins
        WHERE (?1 IS NULL OR f.actor = ?1) AND (?2 IS NULL OR f.outcome = ?2) AND f.at >= ?3
        ORDER BY f.at DESC, f.version DESC LIMIT ?4";

    FIND_ORIGIN = "SELECT id FROM origin WHERE command = ?1 AND place = ?2";
    ADD_ORIGIN = "INSERT INTO origin (command, place) VALUES (?1, ?2)";
    NEWEST_KEPT = "SELECT version, content FROM release WHERE app_id = ?1
        ORDER BY version DESC LIMIT 1";
    SET_LAST = "UPDATE app SET last_version = ?2 WHERE id = ?1";
    TO_SETTLE = "SELECT r.status, r.change, r.slug, s.digest, r.content
        FROM release r LEFT JOIN slug s ON s.id = r.slug WHERE r.app_id = ?1 AND r.version = ?2";
    SETTLE = "UPDATE release SET status = ?3, reason = ?4, digest = ?5
        WHERE app_id = ?1 AND version = ?2";
    SET_CURRENT = "UPDATE app SET current_version = ?2, code_pinned = ?3 WHERE id = ?1";
    SET_DEPLOY = "UPDATE app SET deploy_version = ?2, deploy_slug = ?3 WHERE id = ?1";
    DROP_FIRST_TIER = "DELETE FROM first_tier WHERE app_id = ?1 AND since < ?2";

    ADD_EVENT = "INSERT INTO outbox (app_id, event, due_at) VALUES (?1, ?2, ?3)";
    OUTBOX = "SELECT place, event, attempts, due_at FROM outbox WHERE app_id = ?1 ORDER BY place";
    DELIVERED = "DELETE FROM outbox WHERE place = ?1";
    UNDELIVERED = "UPDATE outbox SET attempts = attempts + 1, last_error = ?2, due_at = ?3
        WHERE place = ?1";

    BEGIN_EFFECT = "INSERT INTO journal (app_id, stage, effect) VALUES (?1, 'begun', ?2)";
    STEP_EFFECT = "UPDATE journal SET stage = ?2 WHERE place = ?1";
    END_EFFECT = "DELETE FROM journal WHERE place = ?1";
    END_EFFECTS = "DELETE FROM journal WHERE app_id = ?1";
    UNDO_EFFECTS = "UPDATE journal SET stage = 'undo' WHERE app_id = ?1";
    DELAY_EFFECT = "UPDATE journal SET attempts = attempts + 1, due_at = ?2 WHERE place = ?1";
    JOURNAL = "SELECT place, stage, effect, attempts, due_at FROM journal
        WHERE app_id = ?1 ORDER BY place";
    UNFINISHED = "SELECT name FROM app WHERE id IN (
            SELECT app_id FROM journal WHERE due_at <= ?1
            UNION SELECT app_id FROM outbox WHERE due_at <= ?1
            UNION SELECT app_id FROM release WHERE status = 'pending')
        ORDER BY name";

    PIN_RELEASE = "UPDATE release SET pinned = ?3 WHERE app_id = ?1 AND version = ?2";

    /// Releases from `?2` to `?3` that are neither current (`?4`), pending, behind a pending one nor
    /// pinned leave their
    /// receipts.
    ADD_RECEIPTS = "INSERT INTO receipt (app_id, version, change, status, slug, pruned_at, actor,
            created_at, reason, plugins, origin, content, digest)
        SELECT r.app_id, r.version, r.change, r.status, s.digest, ?5, r.actor,
            r.created_at, r.reason, r.plugins, r.origin, r.content, r.digest
        FROM release r LEFT JOIN slug s ON s.id = r.slug
        WHERE r.app_id = ?1 AND r.version BETWEEN ?2 AND ?3
        AND r.version <> ?4 AND r.status <> 'pending' AND r.pinned = 0
        AND (r.digest IS NOT NULL OR r.content IS NULL)";
    DROP_RELEASES = "DELETE FROM release WHERE app_id = ?1 AND version BETWEEN ?2 AND ?3
        AND version <> ?4 AND status <> 'pending' AND pinned = 0
        AND (digest IS NOT NULL OR content IS NULL) RETURNING version, slug";
    /// The numbers that are kept next to `?2`, below and above it.
    NEIGHBOURS = "SELECT
        (SELECT max(version) FROM release WHERE app_id = ?1 AND version < ?2),
        (SELECT min(version) FROM release WHERE app_id = ?1 AND version > ?2)";

    KEPT = "SELECT body FROM kept WHERE app_id = ?1 AND version = ?2 AND what = ?3";
    KEEP = "INSERT OR REPLACE INTO kept (app_id, version, what, body) VALUES (?1, ?2, ?3, ?4)";
    SETTINGS = "SELECT body FROM settings WHERE app_id = ?1";
    SET_SETTINGS = "INSERT OR REPLACE INTO settings (app_id, body) VALUES (?1, ?2)";
    DROP_HOSTS = "DELETE FROM host WHERE app_id = ?1";
    ADD_HOST = "INSERT INTO host (name, app_id) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
    OWNER_OF_HOST = "SELECT a.name FROM host h JOIN app a ON a.id = h.app_id WHERE h.name = ?1";
    ASKED = "SELECT tier, last, kept, at FROM asked WHERE app_id = ?1";
    SET_ASKED = "INSERT OR REPLACE INTO asked (app_id, tier, last, kept, at)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    FORGET_ASKED = "DELETE FROM asked WHERE app_id = ?1";

    CONFIG_NOW = "SELECT key, value, owner, from_version FROM config_now WHERE app_id = ?1";
    CONFIG_ONE = "SELECT key, value, owner, from_version FROM config_now
        WHERE app_id = ?1 AND key = ?2";
    /// What number `?2` held. Each key is sought on its own, so that the length of the history
    /// does not matter: `used` steps from key to key, and one more step finds the interval.
    CONFIG_AT = "WITH RECURSIVE used (key) AS (
            SELECT (SELECT min(key) FROM config_past WHERE app_id = ?1)
            UNION ALL
            SELECT (SELECT min(key) FROM config_past WHERE app_id = ?1 AND key > used.key)
            FROM used WHERE used.key IS NOT NULL
        )
        SELECT key, value, owner, from_version FROM config_now
        WHERE app_id = ?1 AND from_version <= ?2
        UNION ALL
        SELECT p.key, p.value, p.owner, p.from_version FROM used CROSS JOIN config_past p
        WHERE p.app_id = ?1 AND p.key = used.key AND p.from_version <= ?2 AND p.to_version = (
            SELECT min(to_version) FROM config_past
            WHERE app_id = ?1 AND key = used.key AND to_version > ?2)";
    CONFIG_KEYS_PAST = "WITH RECURSIVE used (key) AS (
            SELECT (SELECT min(key) FROM config_past WHERE app_id = ?1)
            UNION ALL
            SELECT (SELECT min(key) FROM config_past WHERE app_id = ?1 AND key > used.key)
            FROM used WHERE used.key IS NOT NULL
        )
        SELECT key FROM used WHERE key IS NOT NULL";
    /// Ends an interval before number `?3`. One row of values: to insert what is selected from the
    /// other table would make SQLite keep a journal for the statement, and take 20 us longer.
    CONFIG_CLOSE = "INSERT INTO config_past (app_id, key, to_version, from_version, value, owner)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    CONFIG_DROP = "DELETE FROM config_now WHERE app_id = ?1 AND key = ?2";
    CONFIG_OPEN = "INSERT INTO config_now (app_id, key, from_version, value, owner)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    /// The same in place of another, for which `INSERT OR REPLACE` would keep a journal as well.
    CONFIG_CHANGE = "UPDATE config_now SET from_version = ?3, value = ?4, owner = ?5
        WHERE app_id = ?1 AND key = ?2";
    /// Drops what lies whole between two numbers that are kept, `?3` and `?4`.
    CONFIG_GAP = "DELETE FROM config_past WHERE app_id = ?1 AND key = ?2
        AND to_version > ?3 AND to_version <= ?4 AND from_version > ?3";
    /// Drops whatever no release that is kept needs of what ended after `?3` and by `?4`, looking at
    /// every such interval of the key.
    CONFIG_SWEEP = "DELETE FROM config_past WHERE app_id = ?1 AND key = ?2
        AND to_version > ?3 AND to_version <= ?4 AND NOT EXISTS (
        SELECT 1 FROM release r WHERE r.app_id = ?1
        AND r.version >= config_past.from_version AND r.version < config_past.to_version)";

    ADDONS_NOW = "SELECT service, plan, price, resource, from_version
        FROM addon_now WHERE app_id = ?1";
    ADDON_ONE = "SELECT service, plan, price, resource, from_version
        FROM addon_now WHERE app_id = ?1 AND service = ?2";
    ADDONS_AT = "WITH RECURSIVE used (service) AS (
            SELECT (SELECT min(service) FROM addon_past WHERE app_id = ?1)
            UNION ALL
            SELECT (SELECT min(service) FROM addon_past WHERE app_id = ?1 AND service > used.service)
            FROM used WHERE used.service IS NOT NULL
        )
        SELECT service, plan, price, resource FROM addon_now
        WHERE app_id = ?1 AND from_version <= ?2
        UNION ALL
        SELECT p.service, p.plan, p.price, p.resource FROM used CROSS JOIN addon_past p
        WHERE p.app_id = ?1 AND p.service = used.service AND p.from_version <= ?2
        AND p.to_version = (
            SELECT min(to_version) FROM addon_past
            WHERE app_id = ?1 AND service = used.service AND to_version > ?2)";
    ADDON_KEYS_PAST = "WITH RECURSIVE used (service) AS (
            SELECT (SELECT min(service) FROM addon_past WHERE app_id = ?1)
            UNION ALL
            SELECT (SELECT min(service) FROM addon_past WHERE app_id = ?1 AND service > used.service)
            FROM used WHERE used.service IS NOT NULL
        )
        SELECT service FROM used WHERE service IS NOT NULL";
    ADDON_CLOSE = "INSERT INTO addon_past
            (app_id, service, to_version, from_version, plan, price, resource)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    ADDON_DROP = "DELETE FROM addon_now WHERE app_id = ?1 AND service = ?2";
    ADDON_OPEN = "INSERT INTO addon_now
            (app_id, service, from_version, plan, price, resource)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    ADDON_CHANGE = "UPDATE addon_now SET from_version = ?3, plan = ?4, price = ?5, resource = ?6
        WHERE app_id = ?1 AND service = ?2";
    ADDON_GAP = "DELETE FROM addon_past WHERE app_id = ?1 AND service = ?2
        AND to_version > ?3 AND to_version <= ?4 AND from_version > ?3";
    ADDON_SWEEP = "DELETE FROM addon_past WHERE app_id = ?1 AND service = ?2
        AND to_version > ?3 AND to_version <= ?4 AND NOT EXISTS (
        SELECT 1 FROM release r WHERE r.app_id = ?1
        AND r.version >= addon_past.from_version AND r.version < addon_past.to_version)";

    OWNER_AND_TIER = "SELECT a.owner, a.last_version, a.current_version, t.plan, t.price, t.resource
        FROM app a LEFT JOIN first_tier t ON t.app_id = a.id WHERE a.id = ?1";
    USAGE_OPEN = "SELECT id, app, owner, plan, price, from_at, to_at FROM usage
        WHERE app = ?1 AND to_at IS NULL";
    MONTHLY_COST = "SELECT coalesce(sum(price), 0) FROM usage
        WHERE owner = ?1 AND to_at IS NULL AND app <> ?2";
    BEGIN_USAGE = "INSERT INTO usage (app, owner, plan, price, from_at)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    END_USAGE = "UPDATE usage SET to_at = max(from_at, ?2) WHERE id = ?1";
    END_ALL_USAGE = "UPDATE usage SET to_at = max(from_at, ?2) WHERE app = ?1 AND to_at IS NULL";
    /// What began before `?2` and has not ended before `?1`.
    USAGE = "SELECT id, app, owner, plan, price, from_at, to_at FROM usage
        WHERE to_at >= ?1 AND from_at < ?2
        UNION ALL
        SELECT id, app, owner, plan, price, from_at, to_at FROM usage
        WHERE to_at IS NULL AND from_at < ?2";

    PUT_RESOURCE = "INSERT OR REPLACE INTO resource (id, app, plan, port, body)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    RESOURCES = "SELECT id, plan, port, body FROM resource WHERE app = ?1 ORDER BY id";
    RESOURCE_BODIES = "SELECT id, body FROM resource ORDER BY id";
    OWNERLESS = "SELECT id, plan, port, body, app FROM resource
        WHERE app NOT IN (SELECT name FROM app) ORDER BY id";
    REMOVE_RESOURCE = "DELETE FROM resource WHERE id = ?1";
    PORTS = "SELECT DISTINCT port FROM resource WHERE port IS NOT NULL ORDER BY port";

    WEBHOOKS = "SELECT id, include, level, created_at, updated_at, body FROM webhook
        WHERE app_id = ?1 ORDER BY created_at, id";
    WEBHOOK_INCLUDES = "SELECT id, include FROM webhook WHERE app_id = ?1 ORDER BY id";
    PUT_WEBHOOK = "INSERT INTO webhook (id, app_id, include, level, created_at, updated_at, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (id) DO UPDATE SET include = excluded.include, level = excluded.level,
            updated_at = excluded.updated_at, body = excluded.body WHERE app_id = excluded.app_id";
    REMOVE_WEBHOOK = "DELETE FROM webhook WHERE id = ?1 AND app_id = ?2";
    ADD_WEBHOOK_EVENT = "INSERT INTO webhook_event (app_id, at, actor, happening)
        VALUES (?1, ?2, ?3, ?4)";
    ADD_WEBHOOK_DELIVERY = "INSERT INTO webhook_delivery (webhook, event, due_at)
        VALUES (?1, ?2, ?3)";
    /// All but the newest `?2`.
    DROP_WEBHOOK_EVENTS = "DELETE FROM webhook_event WHERE app_id = ?1 AND place <= (
        SELECT place FROM webhook_event WHERE app_id = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)";
    WEBHOOK_EVENTS = "SELECT place, at, actor, happening FROM webhook_event
        WHERE app_id = ?1 ORDER BY place";
    WEBHOOK_DELIVERIES = "SELECT d.place, d.webhook, w.level, d.progress, d.attempts, d.due_at,
            d.tried_at, d.code, d.error, e.place, e.at, e.actor, e.happening
        FROM webhook_event e JOIN webhook_delivery d ON d.event = e.place
        JOIN webhook w ON w.id = d.webhook
        WHERE e.app_id = ?1 ORDER BY d.place";
    /// Of each webhook the oldest that is not over.
    WEBHOOK_DUE = "SELECT d.place, d.webhook, w.level, d.progress, d.attempts, d.due_at,
            d.tried_at, d.code, d.error, e.place, e.at, e.actor, e.happening, a.name, w.body
        FROM (SELECT webhook, min(place) AS place FROM webhook_delivery
            WHERE progress IN ('pending', 'retrying') GROUP BY webhook) oldest
        JOIN webhook_delivery d ON d.place = oldest.place
        JOIN webhook w ON w.id = d.webhook
        JOIN webhook_event e ON e.place = d.event
        JOIN app a ON a.id = w.app_id
        WHERE d.due_at <= ?1 ORDER BY d.place";
    WEBHOOK_TRIED = "UPDATE webhook_delivery SET progress = ?2, attempts = attempts + 1,
        due_at = ?3, tried_at = ?4, code = ?5, error = ?6 WHERE place = ?1";
    BROUGHT = "SELECT id, created_at, updated_at, said, slug FROM brought
        WHERE app_id = ?1 ORDER BY place DESC";
    PUT_BROUGHT = "INSERT INTO brought (id, app_id, created_at, updated_at, said, slug)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, said = excluded.said,
            slug = excluded.slug WHERE app_id = excluded.app_id";
    /// All but the newest `?2`.
    DROP_BROUGHT = "DELETE FROM brought WHERE app_id = ?1 AND place <= (
        SELECT place FROM brought WHERE app_id = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)
        RETURNING slug";
    BUILDS = "SELECT id, created_at, updated_at, actor, said, status, release, slug FROM build
        WHERE app_id = ?1 ORDER BY place DESC";
    PUT_BUILD = "INSERT INTO build
            (id, app_id, created_at, updated_at, actor, said, status, release, slug, output)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, said = excluded.said,
            status = excluded.status, release = excluded.release, slug = excluded.slug,
            output = coalesce(excluded.output, output) WHERE app_id = excluded.app_id";
    DROP_BUILDS = "DELETE FROM build WHERE app_id = ?1 AND place <= (
        SELECT place FROM build WHERE app_id = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)";
    BUILD_STATUS = "SELECT status FROM build WHERE id = ?1";
    BUILD_OUTPUT = "SELECT output FROM build WHERE id = ?1 AND app_id = ?2 AND output IS NOT NULL";
    PENDING_BUILD = "SELECT 1 FROM build WHERE status = 'pending' LIMIT 1";
    FAIL_BUILDS = "UPDATE build SET status = 'failed', updated_at = ?1 WHERE status = 'pending'
        RETURNING id, created_at, updated_at, actor, said, status, release, slug, app_id";
    TOKENS = "SELECT t.id, t.user, t.description, t.scopes, a.name, t.created_at, t.expires_at, t.used_at
        FROM token t LEFT JOIN app a ON a.id = t.app_id ORDER BY t.created_at, t.id";
    TOKEN_OF = "SELECT t.id, t.user, t.description, t.scopes, a.name, t.created_at, t.expires_at, t.used_at
        FROM token t LEFT JOIN app a ON a.id = t.app_id WHERE t.secret = ?1";
    ADD_TOKEN = "INSERT INTO token
        (id, secret, user, description, scopes, app_id, created_at, expires_at, used_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    TOKEN_USED = "UPDATE token SET used_at = ?2 WHERE id = ?1";
    REMOVE_TOKEN = "DELETE FROM token WHERE id = ?1";
    COLLABORATORS = "SELECT user, role, since FROM collaborator WHERE app_id = ?1 ORDER BY user";
    ROLE = "SELECT a.owner = ?2, c.role FROM app a
        LEFT JOIN collaborator c ON c.app_id = a.id AND c.user = ?2 WHERE a.name = ?1";
    APPS_OF = "SELECT name FROM app WHERE owner = ?1 UNION
        SELECT a.name FROM collaborator c JOIN app a ON a.id = c.app_id WHERE c.user = ?1";
    SET_COLLABORATOR = "INSERT INTO collaborator (app_id, user, role, since) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (app_id, user) DO UPDATE SET role = excluded.role";
    REMOVE_COLLABORATOR = "DELETE FROM collaborator WHERE app_id = ?1 AND user = ?2";
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
