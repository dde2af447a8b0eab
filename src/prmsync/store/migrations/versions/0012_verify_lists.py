"""How far a rolling comparison has listed the CRM's records, to meet those that no read showed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("verification", sa.Column("listed_to", sa.Text))
