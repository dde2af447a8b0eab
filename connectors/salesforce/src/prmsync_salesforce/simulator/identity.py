"""Who can sign in, and what userinfo and the identity URL tell of them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.database import Database, Row
from prmsync_salesforce.simulator.ids import long_id

_RESOURCES = {
    "enterprise": "/services/Soap/c/{version}/{org}",
    "metadata": "/services/Soap/m/{version}/{org}",
    "partner": "/services/Soap/u/{version}/{org}",
    "rest": "/services/data/v{version}/",
    "sobjects": "/services/data/v{version}/sobjects/",
    "search": "/services/data/v{version}/search/",
    "query": "/services/data/v{version}/query/",
    "tooling_soap": "/services/Soap/T/{version}/{org}",
    "tooling_rest": "/services/data/v{version}/tooling/",
}
"""`{version}` stays as it is: the caller puts the version there."""


class People:
    """The users of the org. `admin` is the username that the consent page takes by default."""

    def __init__(
        self, database: Database, org_id: str, integration_user: str, admin_user: str
    ) -> None:
        self._database = database
        self.org_id = org_id
        self.integration_user = integration_user
        self._admin_user = admin_user

    @property
    def admin(self) -> str:
        return str((self.row(self._admin_user) or {}).get("Username", ""))

    def row(self, user_id: str) -> Row | None:
        """The User record."""
        return self._database.row(user_id)

    def active(self, user_id: str) -> bool:
        row = self.row(user_id)
        return row is not None and row.get("IsActive") is True

    def by_username(self, username: str) -> str | None:
        """The id of the user with this username."""
        users = self._database.table("User")
        rows = users.live() if users is not None else ()
        return next((row["Id"] for row in rows if row.get("Username") == username), None)

    def usernames(self) -> list[str]:
        """The active users' names, the administrator's first."""
        users = self._database.table("User")
        rows = users.live() if users is not None else ()
        names = [str(row.get("Username")) for row in rows if row.get("IsActive")]
        return sorted(names, key=lambda name: (name != self.admin, name))


def user_info(people: People, request: Request, user_id: str, now: datetime) -> Response:
    """The `/services/oauth2/userinfo` answer."""
    base, user = base_url(request), people.row(user_id) or {}
    return json_response(
        200,
        {
            "sub": f"{base}/id/{people.org_id}/{user_id}",
            "user_id": user_id,
            "organization_id": people.org_id,
            "preferred_username": user.get("Username"),
            "nickname": user.get("Alias"),
            "name": user.get("Name"),
            "email": user.get("Email"),
            "email_verified": True,
            "given_name": user.get("FirstName"),
            "family_name": user.get("LastName"),
            "zoneinfo": user.get("TimeZoneSidKey"),
            "photos": {},
            "profile": f"{base}/{user_id}",
            "picture": f"{base}/profilephoto/005/F",
            "address": {},
            "urls": _urls(people, base, user_id),
            "active": user.get("IsActive"),
            "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey"),
            "locale": user.get("LocaleSidKey"),
            "utcOffset": _utc_offset(user, now),
            "updated_at": user.get("LastModifiedDate"),
        },
    )


def identity(people: People, request: Request, now: datetime) -> Response:
    """What the `id` of a token answer leads to, `/id/ORG/USER`."""
    base = base_url(request)
    _, _, org_id, user_id = (*request.path.split("/"), "", "")[:4]
    if long_id(org_id) != people.org_id:
        return Response(403, b"Wrong_Org")
    user = people.row(long_id(user_id) or "")
    if user is None:
        return Response(404, b"Bad_Id")
    if not user.get("IsActive"):
        return Response(404, b"Inactive")
    return json_response(
        200,
        {
            "id": f"{base}/id/{people.org_id}/{user['Id']}",
            "asserted_user": True,
            "user_id": user["Id"],
            "organization_id": people.org_id,
            "username": user.get("Username"),
            "nick_name": user.get("Alias"),
            "display_name": user.get("Name"),
            "email": user.get("Email"),
            "email_verified": True,
            "first_name": user.get("FirstName"),
            "last_name": user.get("LastName"),
            "timezone": user.get("TimeZoneSidKey"),
            "photos": {},
            "status": {"created_date": None, "body": None},
            "urls": _urls(people, base, user["Id"]),
            "active": True,
            "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey"),
            "locale": user.get("LocaleSidKey"),
            "utcOffset": _utc_offset(user, now),
            "last_modified_date": user.get("LastModifiedDate"),
        },
    )


def base_url(request: Request) -> str:
    """The address the caller used, which is the only one sure to reach the simulator."""
    scheme = request.headers.get("x-forwarded-proto", "http")
    return f"{scheme}://{request.headers.get('host', '127.0.0.1')}"


def _urls(people: People, base: str, user_id: str) -> dict[str, str]:
    urls = {
        name: base + path.replace("{org}", people.org_id[:15]) for name, path in _RESOURCES.items()
    }
    return {**urls, "profile": f"{base}/{user_id}", "custom_domain": base}


def _utc_offset(user: Row, now: datetime) -> int:
    """Milliseconds by which the user's standard time is ahead of UTC."""
    zone = ZoneInfo(str(user.get("TimeZoneSidKey") or "UTC"))
    local = now.astimezone(zone)
    standard = (local.utcoffset() or local - local) - (local.dst() or local - local)
    return int(standard.total_seconds() * 1000)
