"""What the server is asked in a restore. Each query gives one JSON value; `{...}` are literals or quoted names."""

# Who restores: what it may do, and of which roles it has the rights.
ROLE = """
SELECT json_build_object(
    'user', r.rolname, 'superuser', r.rolsuper, 'create', r.rolsuper OR r.rolcreatedb,
    'stats', pg_has_role('pg_read_all_stats', 'USAGE'),
    'recovering', pg_is_in_recovery(),
    'roles', (SELECT json_agg(o.rolname) FROM pg_roles o),
    'acts_for', (SELECT json_agg(o.rolname) FROM pg_roles o WHERE pg_has_role(o.oid, 'USAGE')))
FROM pg_roles r WHERE r.rolname = current_user"""

VERSION = "SELECT to_json(current_setting('server_version_num')::int)"

# Of settings of a database (and of roles in it): those that neither the role nor, for its own, that role may give.
# {allowed} is `MAY_SET`, or false where the server knows no right to set one parameter (before version 15).
UNSETTABLE = """
SELECT coalesce(json_agg(json_build_array(s.name, wanted.role)), '[]')
FROM pg_settings s JOIN (SELECT coalesce(nullif(e ->> 0, ''), current_user) AS role, lower(e ->> 1) AS name
    FROM json_array_elements({settings}::json) AS e) AS wanted ON lower(s.name) = wanted.name
WHERE s.context IN ('superuser', 'superuser-backend') AND NOT {allowed}"""
MAY_SET = "has_parameter_privilege(wanted.role, s.name, 'SET')"

# Every role whose objects a restore makes.
OWNERS = """
SELECT coalesce(json_agg(DISTINCT pg_get_userbyid(owner)), '[]') FROM (
    SELECT c.relowner AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION SELECT p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION SELECT t.typowner FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('e', 'd', 'r') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION SELECT n.nspowner FROM pg_namespace n
      WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'public')
        AND NOT EXISTS (SELECT FROM pg_depend e
                        WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
    UNION SELECT lomowner FROM pg_largeobject_metadata
    UNION SELECT datdba FROM pg_database WHERE datname = current_database()) AS owners"""

# All that belongs to a database and that no dump of its content carries.
PROPERTIES = """
SELECT json_build_object(
    'oid', d.oid::bigint, 'owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),
    'collate', d.datcollate, 'ctype', d.datctype, 'connection_limit', d.datconnlimit, 'template', d.datistemplate,
    'allow', d.datallowconn, 'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace),
    'collation_version', to_jsonb(d) ->> 'datcollversion', 'comment', shobj_description(d.oid, 'pg_database'),
    'grants', (SELECT coalesce(json_agg(json_build_array(
            CASE g.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(g.grantee) END, g.privilege_type, g.is_grantable)
            ORDER BY g.grantee = 0 DESC, pg_get_userbyid(g.grantee) COLLATE "C", g.privilege_type), '[]')
        FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) g),
    'settings', (SELECT coalesce(json_agg(json_build_array(
            CASE s.setrole WHEN 0 THEN '' ELSE pg_get_userbyid(s.setrole) END, s.setconfig)
            ORDER BY s.setrole = 0 DESC, pg_get_userbyid(s.setrole) COLLATE "C"), '[]')
        FROM pg_db_role_setting s WHERE s.setdatabase = d.oid))
FROM pg_database d WHERE d.datname = {name}"""

# Names, object ids and whether clients may connect, of all databases: what a swap has done is read from the ids.
DATABASES = """
SELECT coalesce(json_object_agg(datname, json_build_object('oid', oid::bigint, 'allow', datallowconn)), '{}')
FROM pg_database"""

# Sessions that killed restores left at the server: told to end, and who they are.
END_OTHERS = """
SELECT json_agg(pid) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = {name} AND usename = current_user AND pid <> pg_backend_pid()"""

# What stands in a swap's way or is not carried by it.
OBSTACLES = """
SELECT json_build_object(
    'prepared', (SELECT coalesce(json_agg(gid), '[]') FROM pg_prepared_xacts WHERE database = {name}),
    'slots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE database = {name}),
    'subscriptions', (SELECT coalesce(json_agg(subname), '[]') FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = {name})),
    'superusers', (SELECT coalesce(json_agg(format('%s (process %s, %s)', a.usename, a.pid, a.application_name)), '[]')
        FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
        WHERE a.datname = {name} AND r.rolsuper AND a.pid <> pg_backend_pid()),
    'others', (SELECT coalesce(json_agg(format('%s (process %s, %s)', a.usename, a.pid, a.application_name)), '[]')
        FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
        WHERE a.datname = {name} AND NOT r.rolsuper AND a.pid <> pg_backend_pid()
            AND NOT (pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))),
    'idle', (SELECT coalesce(json_agg(format('%s (process %s, %s) for %s s', a.usename, a.pid, a.application_name,
            extract(epoch FROM now() - a.state_change)::int)), '[]')
        FROM pg_stat_activity a WHERE a.datname = {name} AND a.state LIKE 'idle in transaction%'
            AND a.pid <> pg_backend_pid()
            AND a.state_change < now() - interval '2 seconds'),
    'clients', (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = {name} AND a.pid <> pg_backend_pid()))"""

# The swap. One statement, so it goes on to its end on the server when whoever asked for it dies. Clients are held off
# from the first COMMIT to the last; whatever goes wrong between lets them in again, to the database of before.
SWAP = """
DO $namaskah$
DECLARE
    began timestamptz := clock_timestamp();
    ended int := 0;
    busy int;
    wrong text;
BEGIN
    ALTER DATABASE {live} ALLOW_CONNECTIONS false;
    ALTER DATABASE {new} ALLOW_CONNECTIONS false;
    COMMIT;
    BEGIN
        LOOP
            PERFORM pg_stat_clear_snapshot();
            SELECT count(*), count(*) FILTER (WHERE pg_terminate_backend(pid)) INTO busy, ended
              FROM pg_stat_activity WHERE datname IN ({live_name}, {new_name}) AND pid <> pg_backend_pid()
                AND backend_type IS DISTINCT FROM 'autovacuum worker';
            EXIT WHEN busy = 0;
            IF clock_timestamp() > began + make_interval(secs => {seconds}) THEN
                RAISE EXCEPTION '% sessions did not end within {seconds} s', busy;
            END IF;
            PERFORM pg_sleep(0.002);
        END LOOP;
        ALTER DATABASE {live} RENAME TO {old};
        ALTER DATABASE {new} RENAME TO {live};
        ALTER DATABASE {live} ALLOW_CONNECTIONS true;
    EXCEPTION WHEN OTHERS OR QUERY_CANCELED THEN
        wrong := SQLERRM;
    END;
    IF wrong IS NOT NULL THEN
        ALTER DATABASE {live} ALLOW_CONNECTIONS true;
        COMMIT;
        ALTER DATABASE {new} ALLOW_CONNECTIONS true;
        COMMIT;
        RAISE EXCEPTION '%', wrong;
    END IF;
    COMMIT;
    PERFORM set_config('namaskah.held_off', (1000 * extract(epoch FROM clock_timestamp() - began))::text, false);
END
$namaskah$"""
HELD_OFF = "SELECT to_json(current_setting('namaskah.held_off')::numeric)"


def name(text: str) -> str:
    """`text` as a quoted identifier."""
    return '"' + text.replace('"', '""') + '"'


# Of each table: its columns, the constants that columns were added with and that older rows have without being written,
# its key, and how many pages it has. A table without a key is compared by whole rows.
TABLES = """
SELECT coalesce(json_object_agg(format('%I.%I', n.nspname, c.relname), json_build_object(
    'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attname COLLATE "C"), '[]') FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'missing', (SELECT coalesce(json_object_agg(a.attname, (a.attmissingval::text::text[])[1]), '{}')
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atthasmissing),
    'key', (SELECT coalesce(json_agg(a.attname ORDER BY a.attname COLLATE "C"), '[]')
        FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary),
    'pages', pg_relation_size(c.oid) / current_setting('block_size')::bigint,
    'plain', n.nspname || '.' || c.relname)), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend e
                    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')"""

NOW = """
SELECT json_build_object('next', pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
    'lsn', pg_current_wal_lsn(), 'moment', now())"""

# Rows of some pages that may have been written since. A row shows 32 bits of the transaction that wrote it: with the
# newest epoch that is not in the future they are whole. {epoch} and {next} are of 64 bits.
WRITTEN = """
SELECT coalesce(json_agg(json_build_array({key}, hashtextextended({content}, 0)::text, {further})), '[]')
FROM ONLY {name} AS namaskah_row
WHERE ctid >= '({first},0)'::tid AND ctid < '({end},0)'::tid AND {condition}"""
CONDITION = """({row}.xmin::text::bigint >= 3
    AND {epoch} + {row}.xmin::text::bigint - CASE WHEN {epoch} + {row}.xmin::text::bigint >= {next} THEN 4294967296
        ELSE 0 END >= {since})"""

# Tables that have another name, column or meaning of a value than before, though no row of theirs was written: renamed,
# a column dropped and added anew with a default, an enumeration's label renamed. The conditions are on catalogue rows.
ALTERED = """
SELECT coalesce(json_agg(format('%I.%I', n.nspname, c.relname)), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND ({c} OR {n} OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND {a})
        OR EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            JOIN pg_enum e ON e.enumtypid IN (t.oid, t.typelem, t.typbasetype) WHERE a.attrelid = c.oid AND {e}))"""

# Large objects stand in no table. They are read in parts, for a value in memory may have one gigabyte.
_PARTS = """pg_largeobject_metadata m LEFT JOIN LATERAL (
    WITH RECURSIVE parts (part, data) AS (
        SELECT 0, lo_get(m.oid, 0, 16777216)
        UNION ALL
        SELECT part + 1, lo_get(m.oid, (part + 1)::bigint * 16777216, 16777216)
        FROM parts WHERE length(data) = 16777216)
    SELECT part, data FROM parts) AS p ON true"""
LARGE_OBJECTS = f"""
SELECT coalesce(json_object_agg(oid, content), '{{}}') FROM (
    SELECT m.oid, string_agg(md5(p.data), '' ORDER BY p.part) AS content FROM {_PARTS} GROUP BY m.oid) AS objects"""  # noqa: S608 - made of this file's own words
LARGE_OF_KEYS = f"""
SELECT m.oid, p.part, p.data FROM {_PARTS}
WHERE m.oid::text IN (SELECT json_array_elements_text({{keys}})) ORDER BY 1, 2"""  # noqa: S608 - made of this file's own words

KNOWN = """
SELECT coalesce(json_agg(json_build_array(key, content, number)), '[]') FROM (
    SELECT key, min(content) AS content, count(*) AS number FROM (
        SELECT {key} AS key, hashtextextended({content}, 0)::text AS content
        FROM ONLY {name} AS namaskah_row) AS rows
    WHERE key IN (SELECT json_array_elements_text({keys})) GROUP BY key) AS found"""

COUNT = "SELECT to_json(count(*)) FROM ONLY {name}"

OF_KEYS = """
SELECT namaskah_row.* FROM ONLY {name} AS namaskah_row
WHERE {key} IN (SELECT json_array_elements_text({keys}))"""

# Of rows that are told apart by nothing but their content: as many of each as are lost.
OF_CONTENTS = """
SELECT {columns} FROM (
    SELECT namaskah_row.*, {key} AS namaskah_key,
        row_number() OVER (PARTITION BY {key} ORDER BY namaskah_row.ctid DESC) AS namaskah_number
    FROM ONLY {name} AS namaskah_row WHERE {key} IN (SELECT json_object_keys({numbers}))) AS namaskah_row
    JOIN json_each_text({numbers}) AS wanted ON wanted.key = namaskah_row.namaskah_key
WHERE namaskah_row.namaskah_number <= wanted.value::bigint"""

SUMS = """
SELECT coalesce(json_agg(json_build_array(groups, number, sums)), '[]') FROM (
    SELECT json_build_array({groups}) AS groups, count(*) AS number, json_build_array({sums}) AS sums
    FROM ({rows}) AS namaskah_row {grouped}) AS found"""
