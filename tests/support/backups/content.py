"""What do a database and a folder hold that come back as they were? Something of every kind."""

from __future__ import annotations

from tests.support.backups.cluster import Cluster

NAMES = ["plain", "with space", "ümlaut", "new\nline", "-dash", "x" * 200, "bytes\udcff"]
SCHEMA = [
    "CREATE SCHEMA sales AUTHORIZATION owner",
    "CREATE TYPE sales.state AS ENUM ('new', 'paid')",
    """CREATE TABLE sales."Payment's" (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state sales.state NOT NULL DEFAULT 'new',
        amount numeric(12, 2) CHECK (amount > 0), kind varchar CHECK (kind IN ('card', 'bank')), at timestamptz,
        details jsonb, photo bytea, rate double precision, span interval)""",
    """INSERT INTO sales."Payment's" (amount, kind, at, details, photo, rate, span)
        SELECT g, 'card', '2026-01-01'::timestamptz + g * interval '1 minute', jsonb_build_object('n', g, 'ü', E'\\t'),
            decode(md5(g::text), 'hex'), g / 3.0, g * interval '1.5 seconds' FROM generate_series(1, 500) g""",
    "CREATE TABLE log (at date, line text) PARTITION BY RANGE (at)",
    "CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "INSERT INTO log SELECT '2026-03-04', repeat('x', g) FROM generate_series(1, 50) g",
    "CREATE TABLE parent (a int)",
    "CREATE TABLE child (b int) INHERITS (parent)",
    "ALTER TABLE parent ADD COLUMN c int",
    "INSERT INTO child VALUES (1, 2, 3), (4, 5, 6)",
    "CREATE TABLE nothing ()",
    "INSERT INTO nothing DEFAULT VALUES",
    "CREATE VIEW paid AS SELECT count(*) FROM sales.\"Payment's\" WHERE state = 'paid'",
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2'",
    "CREATE INDEX ON child (twice(b))",
    "CREATE TABLE person (name citext UNIQUE)",
    "INSERT INTO person VALUES ('Asha'), ('Ravi')",
    "GRANT SELECT ON person TO app",
]


def fill(cluster: Cluster) -> None:
    """Put something of every kind into the database."""
    cluster.sql("GRANT CREATE ON SCHEMA public TO owner", "CREATE EXTENSION citext")
    cluster.sql(*SCHEMA, role="owner")
