"""How is the database reached? By DATABASE_URL, and by nothing else: there is no fallback to fall into."""

import os

from sqlalchemy import Engine, create_engine, make_url, text


class SettingsError(Exception):
    """The environment does not say what is needed."""


def connect() -> Engine:
    """Return an engine for DATABASE_URL; raises SettingsError when it is missing or not PostgreSQL's."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set in the environment of this command")
    address = make_url(url)
    if address.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(f"DATABASE_URL names {address.get_backend_name()}, and this application needs postgresql")
    return create_engine(
        address.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args={"connect_timeout": 5}
    )


def reach(engine: Engine) -> None:
    """Run the smallest query; raises sqlalchemy.exc.SQLAlchemyError when the database does not answer."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
