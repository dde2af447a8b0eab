"""Each run looks for runs that wait: not through all that there ever were."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_run_state", "run", ["connection", "state", "id"])
