"""The schema a simulated org starts with: standard objects and the fields that prmsync needs.

Custom fields follow one rule: `PRM_` + the partner database's column in title case + `__c` on
standard objects, and the same without `PRM_` on the registration object.
"""

from __future__ import annotations

from typing import Any

from prmsync_salesforce.simulator.fields import (
    audit_fields,
    currency_code,
    day,
    flag,
    lookup,
    moment,
    money,
    multi,
    of_opportunity,
    owner,
    pick,
    read_only,
    text,
)
from prmsync_salesforce.simulator.people_objects import list_objects, people_objects
from prmsync_salesforce.simulator.sales_objects import sales_objects
from prmsync_salesforce.simulator.schema import FieldDefinition as Field
from prmsync_salesforce.simulator.schema import ObjectDefinition
from prmsync_salesforce.simulator.sync_state import with_sync_state

STAGES: tuple[tuple[str, float, bool, bool, str], ...] = (
    ("Prospecting", 10, False, False, "Pipeline"),
    ("Qualification", 10, False, False, "Pipeline"),
    ("Needs Analysis", 20, False, False, "Pipeline"),
    ("Value Proposition", 50, False, False, "Pipeline"),
    ("Id. Decision Makers", 60, False, False, "Pipeline"),
    ("Perception Analysis", 70, False, False, "Pipeline"),
    ("Proposal/Price Quote", 75, False, False, "Pipeline"),
    ("Negotiation/Review", 90, False, False, "Pipeline"),
    ("Closed Won", 100, True, True, "Closed"),
    ("Closed Lost", 0, True, False, "Omitted"),
)
"""Label, probability, closed, won, forecast category."""
PARTNER_ROLES = (
    "Advertiser",
    "Agency",
    "Broker",
    "Consultant",
    "Dealer",
    "Developer",
    "Distributor",
    "Institution",
    "Lender",
    "None",
    "Referral",
    "Supplier",
    "System Integrator",
    "VAR/Reseller",
)
_PARTNER_TYPES = (
    "reseller",
    "var",
    "msp",
    "si",
    "isv",
    "distributor",
    "referral",
    "affiliate",
)
_REVIEW_STATES = (
    "draft",
    "submitted",
    "under_review",
    "returned",
    "approved",
    "rejected",
    "withdrawn",
    "expired",
    "cancelled",
    "closed",
)


_TO_CENTS: dict[str, Any] = {"precision": 18, "scale": 2}


def _key(name: str, label: str) -> Field:
    return text(name, label, 36, unique=True, external_id=True)


def _customer(prefix: str) -> list[Field]:
    return [
        text(f"{prefix}Customer_Name__c", "Customer Name"),
        text(f"{prefix}Customer_Domain__c", "Customer Domain"),
        text(f"{prefix}Customer_Duns__c", "Customer D-U-N-S", 20),
        text(f"{prefix}Customer_Country__c", "Customer Country", 80),
    ]


_CONFLICTS = tuple(f"C{number}" for number in range(1, 9))


def _conflict(prefix: str) -> list[Field]:
    return [
        flag(f"{prefix}Conflict__c", "Channel Conflict"),
        pick(f"{prefix}Conflict_Kind__c", "Conflict Kind", _CONFLICTS, restricted=True),
        Field(f"{prefix}Conflict_Reason__c", "Conflict Reason", "textarea", 32768),
    ]


def _account() -> ObjectDefinition:
    address = [
        text(f"{kind}{part}", f"{kind} {part}", 80)
        for kind in ("Billing", "Shipping")
        for part in ("Street", "City", "State", "PostalCode", "Country")
    ]
    return ObjectDefinition(
        "Account",
        "Account",
        "001",
        [
            *audit_fields("Account"),
            text("Name", "Account Name", 255, nillable=False, name_field=True),
            read_only(
                "reference",
                "MasterRecordId",
                "Master Record ID",
                18,
                reference_to=("Account",),
                relationship="MasterRecord",
            ),
            pick("Type", "Account Type", ("Customer", "Partner", "Prospect", "Other")),
            lookup("ParentId", "Parent Account ID", "Account", "Parent", children="ChildAccounts"),
            *address,
            text("BillingCountryCode", "Billing Country Code", 10),
            Field("Phone", "Account Phone", "phone", 40),
            Field("Website", "Website", "url", 255),
            pick("Industry", "Industry", ("Technology", "Retail", "Finance", "Other")),
            Field("AnnualRevenue", "Annual Revenue", "currency", precision=18, scale=0),
            Field("NumberOfEmployees", "Employees", "int", precision=8),
            Field("Description", "Account Description", "textarea", 32000),
            text("AccountNumber", "Account Number", 40),
            text("DunsNumber", "D-U-N-S Number", 9),
            flag("IsPartner", "Partner Account"),
            owner(),
            lookup("RecordTypeId", "Record Type ID", "RecordType", "RecordType"),
            currency_code(),
            _key("PRM_Partner_Id__c", "Partner Key"),
            multi("PRM_Types__c", "Partner Types", _PARTNER_TYPES, restricted=True),
            pick(
                "PRM_Status__c",
                "Partner Status",
                ("prospect", "active", "suspended", "terminated"),
                restricted=True,
                title=True,
            ),
            pick("PRM_Tier__c", "Partner Tier", ("Bronze", "Silver", "Gold", "Platinum")),
            text("PRM_Partner_Manager__c", "Partner Manager"),
            lookup("PRM_Distributor__c", "Distributor", "Account", "PRM_Distributor"),
            Field("PRM_Forecast_Amount__c", "Partner Forecast Amount", "double", **_TO_CENTS),
            text("PRM_Forecast_Currency__c", "Partner Forecast Currency", 3),
            text("PRM_Forecast_Period__c", "Partner Forecast Period", 20),
        ],
    )


def _opportunity() -> ObjectDefinition:
    return ObjectDefinition(
        "Opportunity",
        "Opportunity",
        "006",
        [
            *audit_fields("Opportunity"),
            text("Name", "Name", 120, nillable=False, name_field=True),
            lookup(
                "AccountId",
                "Account ID",
                "Account",
                "Account",
                cascade=True,
                children="Opportunities",
            ),
            Field("Description", "Description", "textarea", 32000),
            pick("StageName", "Stage", [stage[0] for stage in STAGES], nillable=False),
            money("Amount", "Amount"),
            Field("Probability", "Probability (%)", "percent", precision=3),
            day("CloseDate", "Close Date", nillable=False),
            pick(
                "Type",
                "Opportunity Type",
                ("Existing Business", "New Business", "Renewal"),
            ),
            text("NextStep", "Next Step"),
            pick(
                "LeadSource",
                "Lead Source",
                ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
            ),
            read_only("boolean", "IsClosed", "Closed", nillable=False, default=False),
            read_only("boolean", "IsWon", "Won", nillable=False, default=False),
            read_only("picklist", "ForecastCategory", "Forecast Category", 40),
            read_only("date", "LastActivityDate", "Last Activity"),
            read_only(
                "boolean",
                "HasOpportunityLineItem",
                "Has Line Item",
                nillable=False,
                default=False,
            ),
            owner(),
            lookup("RecordTypeId", "Record Type ID", "RecordType", "RecordType"),
            currency_code(),
            _key("PRM_Opportunity_Id__c", "Opportunity Key"),
            text("PRM_Number__c", "PRM Number", 80),
            lookup("PRM_Partner__c", "Partner", "Account", "PRM_Partner__r"),
            *_customer("PRM_"),
            multi("PRM_Product_Lines__c", "Product Lines", ()),
            text("PRM_Loss_Reason__c", "Loss Reason"),
            text("PRM_Source__c", "Source"),
            flag("PRM_Registered__c", "Deal Registered"),
            moment("PRM_Protected_Until__c", "Protected Until"),
            *_conflict("PRM_"),
            Field("PRM_Forecast_Chance__c", "Forecast Chance", "percent", precision=3),
            money("PRM_Forecast_Amount__c", "Forecast Amount"),
            text("PRM_Forecast_Period__c", "Forecast Period", 20),
        ],
    )


def _registration() -> ObjectDefinition:
    return ObjectDefinition(
        "PRM_Registration__c",
        "Deal Registration",
        "a00",
        [
            *audit_fields("Record"),
            text("Name", "Registration Number", 80, name_field=True),
            owner(queues=True),
            currency_code(),
            _key("PRM_Registration_Id__c", "Registration Key"),
            lookup(
                "Partner__c", "Partner", "Account", "Partner__r", children="PRM_Registrations__r"
            ),
            lookup("Distributor__c", "Distributor", "Account", "Distributor__r"),
            lookup("Opportunity__c", "Opportunity", "Opportunity", "Opportunity__r"),
            *_customer(""),
            text("Customer_Contact__c", "Customer Contact"),
            multi("Product_Lines__c", "Product Lines", ()),
            Field("Amount__c", "Amount", "double", precision=18, scale=2),
            text("Currency__c", "Currency", 3),
            day("Expected_Close__c", "Expected Close"),
            pick("Review_State__c", "Review State", _REVIEW_STATES, restricted=True, title=True),
            Field("Reason__c", "Reason", "textarea", 32768),
            pick("Outcome__c", "Outcome", ("won", "lost"), restricted=True, title=True),
            moment("Submitted_At__c", "Submitted"),
            moment("Due_At__c", "Decision Due"),
            moment("Approved_At__c", "Approved"),
            moment("Protected_Until__c", "Protected Until"),
            Field("Extensions__c", "Extensions", "double", precision=4),
            *_conflict(""),
            Field("Margin__c", "Margin", "double", precision=18, scale=2),
            text("Margin_Currency__c", "Margin Currency", 3),
            moment("Created_At__c", "Created in PRM"),
        ],
    )


def _opportunity_partner() -> ObjectDefinition:
    fixed: dict[str, Any] = {"updateable": False}
    return ObjectDefinition(
        "OpportunityPartner",
        "Opportunity Partner",
        "00I",
        [
            *audit_fields("Opportunity Partner"),
            of_opportunity("OpportunityPartnersFrom"),
            lookup(
                "AccountToId",
                "Account To ID",
                "Account",
                "AccountTo",
                nillable=False,
                cascade=True,
                **fixed,
            ),
            pick("Role", "Role", PARTNER_ROLES, restricted=True, **fixed),
            flag("IsPrimary", "Primary", **fixed),
        ],
        updateable=False,
    )


def _single_currency(definition: ObjectDefinition) -> ObjectDefinition:
    codes = ("CurrencyIsoCode", "DefaultCurrencyIsoCode")
    return definition.copied(
        [item for item in definition.fields.values() if item.name not in codes]
    )


def standard_objects(
    *, multi_currency: bool, prepared: bool = True, partner_objects: bool = True
) -> list[ObjectDefinition]:
    """The built-in objects. Without multi-currency, no object has CurrencyIsoCode; `prepared` has
    the objects and fields that the shipped mappings need."""
    objects = [*people_objects(), *list_objects(), _account(), _opportunity()]
    if prepared:
        objects = [*objects[:-2], *map(with_sync_state, (*objects[-2:], _registration()))]
    else:
        objects = [_bare(item) for item in objects]
    objects += [_opportunity_partner(), *sales_objects()]
    if not partner_objects:
        objects = [item for item in objects if item.name not in _PARTNER_OBJECTS]
    if multi_currency:
        return objects
    return [_single_currency(item) for item in objects if item.name != "CurrencyType"]


_PARTNER_OBJECTS = ("OpportunityPartner", "PartnerRole")


def _bare(definition: ObjectDefinition) -> ObjectDefinition:
    return definition.copied([item for item in definition.fields.values() if not item.custom])
