"""The account and its owners."""

from __future__ import annotations

from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route

LARGEST_PAGE = 500


class AccountApi:
    """`/account-info/v3/details`, `/crm/v3/owners` and the dated paths."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def account_routes(self) -> list[Route]:
        return [Route("GET", "details", "account.details", self.details)]

    def owner_routes(self) -> list[Route]:
        return [
            Route("GET", "", "owners.list", self.owners),
            Route("GET", "*", "owners.read", self.owner),
        ]

    def details(self, _call: Call) -> Reply:
        """Needs no scope."""
        return 200, self._portal.account.as_json(self._portal.clock.now())

    def owners(self, call: Call) -> Reply:
        call.grant.need("crm.objects.owners.read")
        limit, after = call.whole("limit", 100), call.whole("after", 0)
        if not 1 <= limit <= LARGEST_PAGE:
            raise bad_request(f"limit must be between 1 and {LARGEST_PAGE}, was {limit}")
        email, archived = call.first("email").casefold(), call.flag("archived")
        found = [
            owner
            for owner in sorted(self._portal.owners.values(), key=lambda item: int(item.id))
            if owner.archived == archived
            and email in ("", owner.email.casefold())
            and int(owner.id) > after
        ]
        answer: JSON = {"results": [owner.as_json() for owner in found[:limit]]}
        if len(found) > limit:
            answer["paging"] = {"next": {"after": found[limit - 1].id}}
        return 200, answer

    def owner(self, call: Call) -> Reply:
        call.grant.need("crm.objects.owners.read")
        by_user = call.first("idProperty") == "userId"
        for owner in self._portal.owners.values():
            its_id = str(owner.user_id) if by_user else owner.id
            if its_id == call.args[0] and owner.archived == call.flag("archived"):
                return 200, owner.as_json()
        raise not_found(f"there is no owner {call.args[0]}")
