"""The schema a simulated org starts with: standard objects and the fields that prmsync needs.

Custom fields follow one rule: `PRM_` + the partner database's column in title case + `__c` on
standard objects, and the same without `PRM_` on the registration object.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prmsync_salesforce.simulator.schema import Choice, ObjectDefinition
from prmsync_salesforce.simulator.schema import FieldDefinition as Field
from prmsync_salesforce.simulator.sync_state import with_sync_state

CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "INR")
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


def _choices(values: Iterable[str], *, title: bool = False) -> tuple[Choice, ...]:
    return tuple(
        Choice(value, value.replace("_", " ").title() if title else value) for value in values
    )


def _text(name: str, label: str, length: int = 255, **more: Any) -> Field:
    return Field(name, label, "string", length, **more)


def _flag(name: str, label: str, **more: Any) -> Field:
    return Field(
        name, label, "boolean", nillable=False, defaulted_on_create=True, default=False, **more
    )


def _money(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "currency", precision=18, scale=2, **more)


def _day(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "date", **more)


def _time(name: str, label: str, **more: Any) -> Field:
    return Field(name, label, "datetime", **more)


def _pick(name: str, label: str, values: Iterable[str], **more: Any) -> Field:
    title = bool(more.pop("title", False))
    return Field(name, label, "picklist", 255, choices=_choices(values, title=title), **more)


def _multi(name: str, label: str, values: Iterable[str]) -> Field:
    return Field(name, label, "multipicklist", 4099, choices=_choices(values, title=True))


def _lookup(name: str, label: str, target: str, relationship: str, **more: Any) -> Field:
    return Field(
        name, label, "reference", 18, reference_to=(target,), relationship=relationship, **more
    )


def _read_only(field_type: str, name: str, label: str, length: int = 0, **more: Any) -> Field:
    return Field(name, label, field_type, length, createable=False, updateable=False, **more)


def _audit(label: str) -> list[Field]:
    fixed: dict[str, Any] = {"nillable": False, "defaulted_on_create": True}
    user: dict[str, Any] = {"reference_to": ("User",), **fixed}
    return [
        _read_only("id", "Id", f"{label} ID", 18, **fixed),
        _read_only("boolean", "IsDeleted", "Deleted", default=False, **fixed),
        _read_only("datetime", "CreatedDate", "Created Date", **fixed),
        _read_only(
            "reference", "CreatedById", "Created By ID", 18, relationship="CreatedBy", **user
        ),
        _read_only("datetime", "LastModifiedDate", "Last Modified Date", **fixed),
        _read_only(
            "reference",
            "LastModifiedById",
            "Last Modified By ID",
            18,
            relationship="LastModifiedBy",
            **user,
        ),
        _read_only("datetime", "SystemModstamp", "System Modstamp", **fixed),
    ]


def _owner() -> Field:
    return _lookup("OwnerId", "Owner ID", "User", "Owner", nillable=False, defaulted_on_create=True)


def _currency_code() -> Field:
    return _pick(
        "CurrencyIsoCode",
        "Currency ISO Code",
        CURRENCIES,
        restricted=True,
        defaulted_on_create=True,
    )


def _key(name: str, label: str) -> Field:
    return _text(name, label, 36, unique=True, external_id=True)


def _customer(prefix: str) -> list[Field]:
    return [
        _text(f"{prefix}Customer_Name__c", "Customer Name"),
        _text(f"{prefix}Customer_Domain__c", "Customer Domain"),
        _text(f"{prefix}Customer_Duns__c", "Customer D-U-N-S", 20),
        _text(f"{prefix}Customer_Country__c", "Customer Country", 80),
    ]


def _conflict(prefix: str) -> list[Field]:
    return [
        _flag(f"{prefix}Conflict__c", "Channel Conflict"),
        _text(f"{prefix}Conflict_Kind__c", "Conflict Kind"),
        Field(f"{prefix}Conflict_Reason__c", "Conflict Reason", "textarea", 32768),
    ]


def _account() -> ObjectDefinition:
    address = [
        _text(f"{kind}{part}", f"{kind} {part}", 80)
        for kind in ("Billing", "Shipping")
        for part in ("Street", "City", "State", "PostalCode", "Country")
    ]
    return ObjectDefinition(
        "Account",
        "Account",
        "001",
        [
            *_audit("Account"),
            _text("Name", "Account Name", 255, nillable=False, name_field=True),
            _read_only(
                "reference",
                "MasterRecordId",
                "Master Record ID",
                18,
                reference_to=("Account",),
                relationship="MasterRecord",
            ),
            _pick("Type", "Account Type", ("Customer", "Partner", "Prospect", "Other")),
            _lookup("ParentId", "Parent Account ID", "Account", "Parent"),
            *address,
            _text("BillingCountryCode", "Billing Country Code", 10),
            Field("Phone", "Account Phone", "phone", 40),
            Field("Website", "Website", "url", 255),
            _pick("Industry", "Industry", ("Technology", "Retail", "Finance", "Other")),
            Field("AnnualRevenue", "Annual Revenue", "currency", precision=18, scale=0),
            Field("NumberOfEmployees", "Employees", "int", precision=8),
            Field("Description", "Account Description", "textarea", 32000),
            _text("AccountNumber", "Account Number", 40),
            _text("DunsNumber", "D-U-N-S Number", 9),
            _flag("IsPartner", "Partner Account"),
            _owner(),
            _lookup("RecordTypeId", "Record Type ID", "RecordType", "RecordType"),
            _currency_code(),
            _key("PRM_Partner_Id__c", "Partner Key"),
            _text("PRM_Name__c", "Partner Name"),
            _text("PRM_Domain__c", "Partner Domain"),
            _text("PRM_Duns__c", "Partner D-U-N-S", 20),
            _text("PRM_Country__c", "Partner Country", 80),
            _multi("PRM_Types__c", "Partner Types", _PARTNER_TYPES),
            _pick(
                "PRM_Status__c",
                "Partner Status",
                ("prospect", "active", "suspended", "inactive", "terminated"),
                title=True,
            ),
            _pick("PRM_Tier__c", "Partner Tier", ("Bronze", "Silver", "Gold", "Platinum")),
            _text("PRM_Partner_Manager__c", "Partner Manager"),
            _lookup("PRM_Distributor__c", "Distributor", "Account", "PRM_Distributor"),
            _time("PRM_Created_At__c", "Partner Since"),
        ],
    )


def _opportunity() -> ObjectDefinition:
    return ObjectDefinition(
        "Opportunity",
        "Opportunity",
        "006",
        [
            *_audit("Opportunity"),
            _text("Name", "Name", 120, nillable=False, name_field=True),
            _lookup("AccountId", "Account ID", "Account", "Account", cascade=True),
            Field("Description", "Description", "textarea", 32000),
            _pick("StageName", "Stage", [stage[0] for stage in STAGES], nillable=False),
            _money("Amount", "Amount"),
            Field("Probability", "Probability (%)", "percent", precision=3),
            _day("CloseDate", "Close Date", nillable=False),
            _pick(
                "Type",
                "Opportunity Type",
                ("Existing Business", "New Business", "Renewal"),
            ),
            _text("NextStep", "Next Step"),
            _pick(
                "LeadSource",
                "Lead Source",
                ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"),
            ),
            _read_only("boolean", "IsClosed", "Closed", nillable=False, default=False),
            _read_only("boolean", "IsWon", "Won", nillable=False, default=False),
            _read_only("picklist", "ForecastCategory", "Forecast Category", 40),
            _read_only("date", "LastActivityDate", "Last Activity"),
            _read_only(
                "boolean",
                "HasOpportunityLineItem",
                "Has Line Item",
                nillable=False,
                default=False,
            ),
            _owner(),
            _lookup("RecordTypeId", "Record Type ID", "RecordType", "RecordType"),
            _currency_code(),
            _key("PRM_Opportunity_Id__c", "Opportunity Key"),
            _text("PRM_Number__c", "PRM Number", 80),
            _text("PRM_Name__c", "PRM Name"),
            _lookup("PRM_Partner__c", "Partner", "Account", "PRM_Partner__r"),
            *_customer("PRM_"),
            _multi("PRM_Product_Lines__c", "Product Lines", ()),
            _text("PRM_Stage__c", "Neutral Stage", 40),
            _money("PRM_Amount__c", "PRM Amount"),
            _text("PRM_Currency__c", "PRM Currency", 3),
            _day("PRM_Close_Date__c", "PRM Close Date"),
            _text("PRM_Loss_Reason__c", "Loss Reason"),
            _text("PRM_Owner__c", "PRM Owner"),
            _text("PRM_Source__c", "Source"),
            _flag("PRM_Registered__c", "Deal Registered"),
            _time("PRM_Protected_Until__c", "Protected Until"),
            *_conflict("PRM_"),
            _text("PRM_Home__c", "Home"),
            _time("PRM_Last_Activity_At__c", "Last Partner Activity"),
            _time("PRM_Created_At__c", "PRM Created"),
        ],
    )


def _registration() -> ObjectDefinition:
    return ObjectDefinition(
        "PRM_Registration__c",
        "Deal Registration",
        "a00",
        [
            *_audit("Record"),
            _text("Name", "Registration Number", 80, name_field=True),
            _owner(),
            _currency_code(),
            _key("PRM_Registration_Id__c", "Registration Key"),
            _text("Number__c", "Number", 80),
            _lookup("Partner__c", "Partner", "Account", "Partner__r"),
            _lookup("Distributor__c", "Distributor", "Account", "Distributor__r"),
            _lookup("Opportunity__c", "Opportunity", "Opportunity", "Opportunity__r"),
            *_customer(""),
            _text("Customer_Contact__c", "Customer Contact"),
            _multi("Product_Lines__c", "Product Lines", ()),
            _money("Amount__c", "Amount"),
            _text("Currency__c", "Currency", 3),
            _day("Expected_Close__c", "Expected Close"),
            _pick("Review_State__c", "Review State", _REVIEW_STATES, restricted=True, title=True),
            Field("Reason__c", "Reason", "textarea", 32768),
            _text("Outcome__c", "Outcome"),
            _time("Submitted_At__c", "Submitted"),
            _time("Due_At__c", "Decision Due"),
            _time("Approved_At__c", "Approved"),
            _time("Protected_Until__c", "Protected Until"),
            Field("Extensions__c", "Extensions", "double", precision=4),
            *_conflict(""),
            _money("Margin__c", "Margin"),
            _text("Margin_Currency__c", "Margin Currency", 3),
            _time("Created_At__c", "Created in PRM"),
        ],
    )


def _opportunity_partner() -> ObjectDefinition:
    fixed: dict[str, Any] = {"updateable": False}
    return ObjectDefinition(
        "OpportunityPartner",
        "Opportunity Partner",
        "00I",
        [
            *_audit("Opportunity Partner"),
            _lookup(
                "OpportunityId",
                "Opportunity ID",
                "Opportunity",
                "Opportunity",
                nillable=False,
                cascade=True,
                **fixed,
            ),
            _lookup(
                "AccountToId",
                "Account To ID",
                "Account",
                "AccountTo",
                nillable=False,
                cascade=True,
                **fixed,
            ),
            _pick("Role", "Role", PARTNER_ROLES, restricted=True, **fixed),
            _flag("IsPrimary", "Primary", **fixed),
        ],
        updateable=False,
    )


def _set_up_objects() -> list[ObjectDefinition]:
    closed: dict[str, Any] = {"createable": False, "updateable": False, "deletable": False}
    return [
        ObjectDefinition(
            "OpportunityStage",
            "Opportunity Stage",
            "01J",
            [
                *_audit("Opportunity Stage"),
                _text("MasterLabel", "Master Label"),
                _text("ApiName", "API Name"),
                _flag("IsActive", "Is Active"),
                Field("SortOrder", "Sort Order", "int", precision=9),
                _flag("IsClosed", "Closed"),
                _flag("IsWon", "Won"),
                _text("ForecastCategory", "Forecast Category", 40),
                _text("ForecastCategoryName", "Forecast Category Name", 40),
                Field("DefaultProbability", "Default Probability (%)", "percent", precision=3),
                _text("Description", "Description"),
            ],
            **closed,
        ),
        ObjectDefinition(
            "PartnerRole",
            "Partner Role",
            "01M",
            [
                *_audit("Partner Role"),
                _text("MasterLabel", "Master Label"),
                _text("ApiName", "API Name"),
                Field("SortOrder", "Sort Order", "int", precision=9),
                _text("ReverseRole", "Reverse Role"),
            ],
            **closed,
        ),
        ObjectDefinition(
            "RecordType",
            "Record Type",
            "012",
            [
                *_audit("Record Type"),
                _text("Name", "Name", 80, name_field=True),
                _text("DeveloperName", "Record Type Name", 80),
                _text("SobjectType", "SObject Type Name", 40),
                _flag("IsActive", "Active"),
                _text("Description", "Description"),
            ],
            **closed,
        ),
        ObjectDefinition(
            "CurrencyType",
            "Currency Type",
            "01L",
            [
                *_audit("Currency Type"),
                _text("IsoCode", "Currency ISO Code", 3),
                Field("ConversionRate", "Conversion Rate", "double", precision=18, scale=6),
                Field("DecimalPlaces", "Decimal Places", "int", precision=1),
                _flag("IsActive", "Active"),
                _flag("IsCorporate", "Corporate Currency"),
            ],
            **closed,
        ),
    ]


def _people_objects() -> list[ObjectDefinition]:
    zone = _text("TimeZoneSidKey", "Time Zone", 40)
    return [
        ObjectDefinition(
            "Organization",
            "Organization",
            "00D",
            [
                *_audit("Organization"),
                _text("Name", "Name", 80, name_field=True),
                _flag("IsSandbox", "Is Sandbox"),
                _text("OrganizationType", "Edition", 40),
                _text("InstanceName", "Instance Name", 5),
                _text("NamespacePrefix", "Namespace Prefix", 15),
                _text("DefaultLocaleSidKey", "Locale", 40),
                _text("LanguageLocaleKey", "Language", 40),
                zone,
            ],
            createable=False,
            deletable=False,
        ),
        ObjectDefinition(
            "User",
            "User",
            "005",
            [
                *_audit("User"),
                _text("Username", "Username", 80, nillable=False, unique=True),
                _text("FirstName", "First Name", 40),
                _text("LastName", "Last Name", 80, nillable=False),
                _read_only("string", "Name", "Full Name", 121, name_field=True),
                Field("Email", "Email", "email", 128, nillable=False),
                _text("Alias", "Alias", 8),
                _flag("IsActive", "Active"),
                _text("UserType", "User Type", 40),
                _text("ProfileId", "Profile ID", 18),
                zone,
                _text("LocaleSidKey", "Locale", 40),
                _text("LanguageLocaleKey", "Language", 40),
                _text("CurrencyIsoCode", "User Currency", 3),
                _text("DefaultCurrencyIsoCode", "Default Currency ISO Code", 3),
            ],
            deletable=False,
        ),
    ]


def _single_currency(definition: ObjectDefinition) -> ObjectDefinition:
    codes = ("CurrencyIsoCode", "DefaultCurrencyIsoCode")
    return ObjectDefinition(
        definition.name,
        definition.label,
        definition.prefix,
        [item for item in definition.fields.values() if item.name not in codes],
        createable=definition.createable,
        updateable=definition.updateable,
        deletable=definition.deletable,
    )


def standard_objects(*, multi_currency: bool) -> list[ObjectDefinition]:
    """The built-in objects; without multi-currency, no object has CurrencyIsoCode."""
    objects = [
        *_people_objects(),
        *_set_up_objects(),
        *map(with_sync_state, (_account(), _opportunity(), _registration())),
        _opportunity_partner(),
    ]
    if multi_currency:
        return objects
    return [_single_currency(item) for item in objects if item.name != "CurrencyType"]
