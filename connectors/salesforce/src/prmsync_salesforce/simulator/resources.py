"""The REST API below `/services/data/vNN.0`: which resource answers which path."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.batch import Batch, Tree
from prmsync_salesforce.simulator.bulk.ingest import IngestJobs
from prmsync_salesforce.simulator.bulk.jobs import Jobs
from prmsync_salesforce.simulator.bulk.query_jobs import QueryJobs
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.collections import Collections
from prmsync_salesforce.simulator.composite import Composite
from prmsync_salesforce.simulator.failure import ApiError, no_resource
from prmsync_salesforce.simulator.metadata.deploy import Deployments
from prmsync_salesforce.simulator.metadata.rest import MetadataRest
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.process import processes
from prmsync_salesforce.simulator.query import Asked, QueryEngine
from prmsync_salesforce.simulator.seed import ORG_ID
from prmsync_salesforce.simulator.settings import OrgSettings
from prmsync_salesforce.simulator.setup_rows import SchemaRows
from prmsync_salesforce.simulator.sign_in import SignIn
from prmsync_salesforce.simulator.sobjects import SObjects

Resource = Callable[[Call], Response]
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


class Resources:
    """`inner` answers one subrequest of a composite call: (request, user id)."""

    def __init__(
        self,
        org: Org,
        settings: OrgSettings,
        queries: QueryEngine,
        sign_in: SignIn,
        deployments: Deployments,
        inner: Callable[[Request, str], Response],
    ) -> None:
        self._settings = settings
        self._queries = queries
        self._sign_in = sign_in
        self._schema_rows = SchemaRows(org.database)
        collections = Collections(org)
        numbers, now, looks = itertools.count(1), org.now, settings.bulk_looks
        self._ingest, self._extract = Jobs("ingest", now, numbers), Jobs("query", now, numbers)
        self._paths: dict[tuple[str, ...], Resource] = {
            ("",): self._listed,
            ("composite",): Composite(org.database, inner).handle,
            ("composite", "batch"): Batch(inner).handle,
            ("composite", "sobjects"): collections.handle,
            ("composite", "tree"): Tree(org).handle,
            ("connect", "organization"): self._organization,
            ("jobs", "ingest"): IngestJobs(self._ingest, collections, looks).handle,
            ("jobs", "query"): QueryJobs(self._extract, queries, looks).handle,
            ("limits",): self._limits,
            ("metadata",): MetadataRest(deployments).handle,
            ("process",): lambda call: json_response(200, processes(org.database, call.segments)),
            ("query",): self._query,
            ("queryAll",): self._query,
            ("sobjects",): SObjects(org).handle,
            ("tooling", "query"): self._tooling,
        }

    def handle(self, call: Call) -> Response:
        """Answer one call. Raises ApiError."""
        for length in (2, 1):
            resource = self._paths.get(call.segments[:length])
            if resource is not None:
                return resource(call)
        raise no_resource()

    def _listed(self, call: Call) -> Response:
        base = f"/services/data/{call.version}"
        names = sorted({path[0] for path in self._paths} - {""})
        return json_response(200, {name: f"{base}/{name}" for name in names})

    def _limits(self, _call: Call) -> Response:
        used = {
            "DailyBulkApiBatches": self._ingest.opened,
            "DailyBulkV2QueryJobs": self._extract.opened,
        }
        return json_response(200, self._sign_in.limits(used))

    def _organization(self, call: Call) -> Response:
        """The Connect API's settings: where an org without multi-currency tells its currency."""
        answer: dict[str, Any] = {
            "orgId": ORG_ID,
            "name": self._settings.name,
            "features": {
                "defaultCurrencyIsoCode": self._settings.currency,
                "multiCurrency": self._settings.multi_currency,
            },
            "userSettings": {
                "userId": call.writer.user_id,
                "timeZone": {"name": self._settings.time_zone},
            },
        }
        return json_response(200, answer)

    def _tooling(self, call: Call) -> Response:
        return self._query(call.below("tooling"))

    def _query(self, call: Call) -> Response:
        if len(call.segments) == 2:
            return json_response(200, self._queries.more(call.segments[1], call.version))
        text = call.parameter("q")
        if text is None:
            raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
        if call.tooling or "definition" in text.lower():
            self._schema_rows.refresh()
        asked = Asked(text, call.version, call.seen, call.tooling)
        if call.flag("columns"):
            return json_response(200, self._queries.columns(asked))
        deleted = call.segments[0] == "queryAll"
        answer = self._queries.run(asked, deleted=deleted, page=_page_size(call.request))
        return json_response(200, answer)


def _page_size(request: Request) -> int:
    match = _BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    return min(2000, max(200, int(match.group(1)))) if match else 2000
