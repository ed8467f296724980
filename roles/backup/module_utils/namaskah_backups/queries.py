"""What the server is asked. Each query gives one JSON value; none holds anything that came from outside.

Names are qualified and quoted by the server itself: the sessions that ask have an empty search_path.
"""

# Of the application: not the server's own schemas. An extension's objects come back with the extension.
_OWN = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_UNBROUGHT = (
    "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{0}'::regclass AND e.objid = {1} AND e.deptype = 'e')"
)

# A constant with its type, or a call with no more than a name or a constant in it.
_SIMPLE = (
    r"'^(''([^'']|'''')*''|-?[0-9.]+|true|false|NULL|[a-z_]+\([^()]*\)|[A-Z_]+)"
    r"(::[a-z_ .\"]+(\([0-9,]+\))?)?$'"
)

IDENTITY = """
SELECT json_build_object(
    'name', d.datname, 'version', current_setting('server_version'),
    'version_num', current_setting('server_version_num')::int, 'encoding', pg_encoding_to_char(d.encoding),
    'collate', d.datcollate, 'ctype', d.datctype, 'size', pg_database_size(d.oid),
    'large_objects_size', pg_table_size('pg_largeobject'), 'row', to_json(d), 'user', current_user,
    'owner', pg_get_userbyid(d.datdba),
    'identity', json_build_array((SELECT system_identifier::text FROM pg_control_system()), d.oid::text))
FROM pg_database d WHERE d.datname = current_database()"""

SNAPSHOT = """
SELECT json_build_object(
    'exported', pg_export_snapshot(), 'snapshot', pg_current_snapshot()::text, 'moment', now(),
    'lsn', CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)"""

# Tables, partitioned tables and sequences; columns by name, for a copy may have them in another order.
RELATIONS = """
SELECT coalesce(json_agg(json_build_object(
    'name', format('%I.%I', n.nspname, c.relname), 'kind', c.relkind, 'size', pg_table_size(c.oid),
    'readable', has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
    'secured', row_security_active(c.oid),
    'columns', (SELECT string_agg(format('namaskah_row.%I', a.attname), ', ' ORDER BY a.attname COLLATE "C")
                FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
) ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"), '[]')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND {own} AND {unbrought}""".format(  # noqa: S608 - made of this file's own words
    own=_OWN, unbrought=_UNBROUGHT.format("pg_class", "c.oid")
)

CONTENT = """
SELECT json_build_array(count(*), coalesce(sum(hashtextextended(ROW({columns})::text, 0)), 0)::text)
FROM ONLY {name} AS namaskah_row"""

# The names are the catalogue's own, the columns were found among the table's.
APPLIED = """
SELECT coalesce(json_agg(DISTINCT concat_ws('.', {columns})), '[]') FROM {name} AS namaskah_row"""

SEQUENCE = "SELECT {number} AS number, last_value, is_called, {literal}::regclass AS name FROM {name}"
SEQUENCES = """
SELECT json_agg(json_build_array(s.last_value, s.is_called, q.seqincrement, q.seqcycle) ORDER BY s.number)
FROM ({parts}) AS s JOIN pg_sequence q ON q.seqrelid = s.name"""

# A large object is read in parts of 64 MiB: a value in memory may have one gigabyte.
LARGE_OBJECTS = """
SELECT json_build_array(
    count(DISTINCT m.oid), coalesce(sum(hashtextextended(m.oid || ':' || p.part || ':' || p.md5, 0)), 0)::text)
FROM pg_largeobject_metadata m LEFT JOIN LATERAL (
    WITH RECURSIVE parts (part, data) AS (
        SELECT 0, lo_get(m.oid, 0, 67108864)
        UNION ALL
        SELECT part + 1, lo_get(m.oid, (part + 1)::bigint * 67108864, 67108864)
        FROM parts WHERE length(data) = 67108864)
    SELECT part, md5(data) AS md5 FROM parts) AS p ON true"""

EXTENSIONS = "SELECT coalesce(json_object_agg(extname, extversion), '{}') FROM pg_extension"

# One line per object, so that a difference can be named. Left out: what PostgreSQL makes by itself for partitions
# (a dump does not keep its names) and the text of expressions (it changes when it is read back): of a default only
# a constant or a bare call is compared, of a view its columns, of a function the text between its quotes.
OBJECTS = """
SELECT coalesce(json_object_agg(kind, names), '{{}}') FROM (
  SELECT kind, json_agg(name ORDER BY name COLLATE "C") AS names FROM (
    SELECT 'schema' AS kind, format('%I', n.nspname) AS name FROM pg_namespace n WHERE {own} AND {unbrought_schema}
    UNION ALL
    SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'sequence' END,
        format('%I.%I', n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't' AND {own} AND {unbrought_class}
    UNION ALL
    SELECT CASE WHEN i.indisvalid THEN 'index' ELSE 'invalid index' END, format('%I.%I', n.nspname, x.relname)
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE x.relpersistence <> 't' AND {own} AND {unbrought_class}
    UNION ALL
    SELECT 'constraint', format('%s on %s%s', k.conname, coalesce(c.oid::regclass::text, k.contypid::regtype::text),
        CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END)
      FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace LEFT JOIN pg_class c ON c.oid = k.conrelid
        LEFT JOIN pg_type t ON t.oid = k.contypid
      WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0 AND {own}
        AND {unbrought_class} AND {unbrought_type}
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE {own} AND {unbrought_function}
    UNION ALL
    SELECT 'trigger', format('%s on %s', g.tgname, c.oid::regclass)
      FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND {own} AND {unbrought_class}
    UNION ALL
    SELECT 'policy', format('%s on %s', p.polname, p.polrelid::regclass) FROM pg_policy p
    UNION ALL
    SELECT 'type', t.oid::regtype::text FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        LEFT JOIN pg_class c ON c.oid = t.typrelid
      WHERE (t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND {own} AND {unbrought_type}
    UNION ALL
    SELECT 'column', format('%I.%I.%I %s%s%s%s%s', n.nspname, c.relname, a.attname,
        format_type(a.atttypid, a.atttypmod), CASE WHEN a.attcollation = t.typcollation THEN '' ELSE
        format(' COLLATE %s', a.attcollation::regcollation) END, CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
        CASE WHEN a.attidentity <> '' THEN format(' identity %s', a.attidentity) ELSE '' END,
        CASE WHEN a.attgenerated <> '' THEN ' generated' WHEN pg_get_expr(d.adbin, d.adrelid) ~ {simple}
        THEN ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid) WHEN a.atthasdef THEN ' DEFAULT an expression' ELSE '' END)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
        JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't' AND a.attnum > 0
        AND NOT a.attisdropped AND {own} AND {unbrought_class}
    UNION ALL
    SELECT 'index form', format('%I.%I is %s%s (%s)%s', n.nspname, x.relname,
        CASE WHEN i.indisunique THEN 'unique ' ELSE '' END, m.amname, (SELECT string_agg(concat_ws(' ',
            coalesce(a.attname, 'an expression'), o.opcname, i.indoption[k]), ', ' ORDER BY k)
          FROM generate_series(0, i.indnatts - 1) AS k LEFT JOIN pg_opclass o ON o.oid = i.indclass[k]
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] AND i.indkey[k] > 0),
        CASE WHEN i.indpred IS NULL THEN '' ELSE ' of some rows' END)
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_am m ON m.oid = x.relam JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE i.indisvalid AND x.relpersistence <> 't' AND {own} AND {unbrought_class}
    UNION ALL
    SELECT 'function text', format('%s returns %s, %s %s%s %s', p.oid::regprocedure,
        format_type(p.prorettype, NULL), l.lanname, p.provolatile,
        CASE WHEN p.prosecdef THEN ' by its owner' ELSE '' END, md5(p.prosrc))
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
      WHERE {own} AND {unbrought_function}
    UNION ALL
    SELECT 'extension', x.extname FROM pg_extension x
  ) AS objects GROUP BY kind) AS kinds""".format(  # noqa: S608 - made of this file's own words
    own=_OWN,
    simple=_SIMPLE,
    unbrought_schema=_UNBROUGHT.format("pg_namespace", "n.oid"),
    unbrought_class=_UNBROUGHT.format("pg_class", "c.oid"),
    unbrought_type=_UNBROUGHT.format("pg_type", "t.oid"),
    unbrought_function=_UNBROUGHT.format("pg_proc", "p.oid"),
)

# Roles that own something or have a right to it: a restore elsewhere needs them.
ROLES = f"""
SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_roles r WHERE r.rolname !~ '^pg_' AND r.oid IN (
    SELECT unnest(c.relowner || coalesce((SELECT array_agg(a.grantee) FROM aclexplode(c.relacl) a), '{{}}'))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OWN}
    UNION
    SELECT unnest(n.nspowner || coalesce((SELECT array_agg(a.grantee) FROM aclexplode(n.nspacl) a), '{{}}'))
      FROM pg_namespace n WHERE {_OWN}
    UNION
    SELECT unnest(p.proowner || coalesce((SELECT array_agg(a.grantee) FROM aclexplode(p.proacl) a), '{{}}'))
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OWN}
    UNION
    SELECT unnest(p.polroles) FROM pg_policy p)"""  # noqa: S608 - made of this file's own words

# Roles that own something: who restores owners, too, must be a member of each. The owner of the database is no
# surrogate for pg_database_owner, which is whoever owns the copy.
OWNERS = f"""
SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_roles r WHERE r.rolname !~ '^pg_' AND r.oid IN (
    SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()
    UNION
    SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE {_OWN} AND {_UNBROUGHT.format("pg_class", "c.oid")}
    UNION
    SELECT n.nspowner FROM pg_namespace n WHERE {_OWN} AND {_UNBROUGHT.format("pg_namespace", "n.oid")}
    UNION
    SELECT t.typowner FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('e', 'd', 'r')
        AND {_OWN} AND {_UNBROUGHT.format("pg_type", "t.oid")}
    UNION
    SELECT p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE {_OWN} AND {_UNBROUGHT.format("pg_proc", "p.oid")}
    UNION
    SELECT l.lomowner FROM pg_largeobject_metadata l)"""  # noqa: S608 - made of this file's own words

# Transactions of this database that stand prepared: their rows are in no dump until somebody commits them.
PREPARED = """
SELECT coalesce(json_agg(format('%s (since %s, by %s)', gid, to_char(prepared AT TIME ZONE 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS"Z"'), owner) ORDER BY prepared), '[]')
FROM pg_prepared_xacts WHERE database = current_database()"""

# Who keeps everybody from reading a table. Locks are visible to every role, what their owner says is not.
HOLDERS = """
SELECT coalesce(json_agg(format('%s is locked by process %s', l.relation::regclass,
    coalesce(l.pid::text, 'of a prepared transaction')) ORDER BY l.relation), '[]')
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'S')
WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

# Of the server that proves: what the asking role may do there, and where its data lies.
PROVER = """
SELECT json_build_object(
    'user', r.rolname, 'superuser', r.rolsuper, 'create', r.rolsuper OR r.rolcreatedb,
    'roles', (SELECT json_agg(o.rolname) FROM pg_roles o),
    'memberships', (SELECT json_agg(o.rolname) FROM pg_roles o WHERE pg_has_role(o.oid, 'MEMBER')),
    'address', host(inet_server_addr()), 'log', pg_size_bytes(current_setting('max_wal_size')),
    'folder', CASE WHEN pg_has_role('pg_read_all_settings', 'MEMBER') THEN current_setting('data_directory') END)
FROM pg_roles r WHERE r.rolname = current_user"""

ADDRESS = "SELECT to_json(host(inet_server_addr()))"  # null by a socket

SCRATCH = """
SELECT coalesce(json_agg(datname), '[]') FROM pg_database WHERE starts_with(datname, {prefix})"""


def literal(text: str) -> str:
    """`text` as a string constant of SQL; no escapes, for standard_conforming_strings is on where we ask."""
    return "'" + text.replace("'", "''") + "'"
