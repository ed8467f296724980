"""How does Alembic reach the database? By the application's own settings, one transaction a migration."""

from logging.config import fileConfig

from alembic import context
from ledger.database import connect
from ledger.models import Base

if context.config.config_file_name:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with connect().connect() as connection:
        # One transaction each: what was applied before a failing one stays, and alembic_version says so.
        context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
