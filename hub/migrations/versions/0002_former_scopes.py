"""Which scopes a resource was in before its patient moved: late changes from there are still taken."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE TABLE former (key bigint NOT NULL, scope int NOT NULL, PRIMARY KEY (key, scope))")
