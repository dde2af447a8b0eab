"""Why very many records were read by a Bulk job or page by page, as a plan tells it."""

from __future__ import annotations

from math import ceil

from prmsync_salesforce import bulk_query

QUERY_PAGE = 2_000
"""Records of one page of a query, where Salesforce gives as many as it is asked for."""


def by_job(stream: str, rows: int, least: int) -> str:
    """For a stream that came by a job; `least` is the threshold, `options.bulk_rows`."""
    taken = _calls(bulk_query.calls(rows))
    return (
        f"{stream}: {rows:,} records were read by a Bulk job, in about {taken} instead of "
        f"{_pages(rows):,} page by page. A job takes some calls of its own and has to wait its "
        f"turn: it pays for more than {least:,} records (options.bulk_rows)"
    )


def by_pages(stream: str, rows: int, why: bulk_query.NoJobError) -> str:
    """For a stream that no job could be had for."""
    return (
        f"{stream}: {rows:,} records were read page by page, in about {_calls(_pages(rows))}; a "
        f"Bulk job would take about {bulk_query.calls(rows):,}, but {why.message}"
    )


def _pages(rows: int) -> int:
    return ceil(rows / QUERY_PAGE)


def _calls(count: int) -> str:
    return f"{count:,} call{'s' * (count != 1)}"
