"""Columns of the kinds that many tables have."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from prmsync.store.column_types import ExactDecimal, UtcDateTime


def ident() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def ref(name: str, target: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(f"{target}.id"), nullable=nullable, index=True)


def text(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def money(name: str) -> sa.Column[Decimal]:
    return sa.Column(name, ExactDecimal)


def moment(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def day(name: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date)


def flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def customer() -> list[sa.Column[str]]:
    return [text(f"customer_{part}") for part in ("name", "domain", "duns", "country")]


def conflict() -> list[sa.Column[str] | sa.Column[bool]]:
    return [flag("conflict"), text("conflict_kind"), text("conflict_reason")]
