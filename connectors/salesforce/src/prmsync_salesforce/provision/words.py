"""Parts of an org in an admin's words."""

from __future__ import annotations

from prmsync_salesforce.provision.xml import Node

_TYPES = {
    "Text": "text",
    "LongTextArea": "long text",
    "Checkbox": "checkbox",
    "Currency": "currency",
    "Number": "number",
    "Percent": "per cent",
    "Date": "date",
    "DateTime": "date and time",
    "Picklist": "picklist",
    "MultiselectPicklist": "picklist, several",
    "Lookup": "lookup",
    "MasterDetail": "master-detail",
}
_GONE = "is not there, or not visible to whoever signed in"
FALLBACKS = {
    "account.dunsnumber": "This org has no D-U-N-S field of its own: write `duns: PRM_Duns__c` in "
    "the mapping, and prmsync provision makes it.",
    "account.billingcountrycode": "Without state and country picklists write "
    "`country: BillingCountry` in the mapping.",
    "opportunitypartner": "Partners of opportunities are off in this org, or its edition has none. "
    "Map relations to PRM_Opportunity_Partner__c instead: docs/crm-admin.md, Without partner "
    "objects.",
}


def about(definition: Node) -> str:
    """`text, 36 characters, unique` of a field's definition."""
    kind = definition.said("type")
    words = [_TYPES.get(kind, kind)]
    if kind in ("Lookup", "MasterDetail"):
        words[0] += f" to {definition.said('referenceTo')}"
    if kind in ("Text", "LongTextArea"):
        words.append(f"{definition.said('length')} characters")
    if definition.said("unique") == "true":
        words.append("unique external id")
    if definition.said("valueSet", "restricted") == "true":
        words.append("restricted")
    return ", ".join(words)


def standard_hint(name: str, at: str) -> tuple[str, str]:
    """What to say of a name that only the vendor, or an installed package, can bring; `at` is
    where the mapping names it."""
    hint = FALLBACKS.get(name.lower())
    if hint is None:
        hint = "Check the name in the mapping; prmsync makes only custom fields and objects (__c)."
    return _GONE, f"{at}: {hint}" if at else hint
