"""How Alembic reaches the store: over the connection that the store hands it, never by a URL in a file."""

from alembic import context

from fakescope.chain.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
