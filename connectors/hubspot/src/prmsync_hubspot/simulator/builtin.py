"""The portal a fresh simulator has: HubSpot's own objects, and what the shipped mappings need.

On companies and deals, columns of the partner database without a HubSpot property of their own
have properties named `prm_` + column; the custom object `prm_registration` uses the bare names.
"""

from __future__ import annotations

from prmsync_hubspot.simulator.definitions import OWNER, Property, options
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.pipelines import Pipeline, pipeline_from_json
from prmsync_hubspot.simulator.portal import Owner, Portal
from prmsync_hubspot.simulator.rows import Table
from prmsync_hubspot.simulator.stamps import iso

LABELS = ("Reseller", "Distributor", "System integrator", "Referral", "MSP", "ISV", "Affiliate")

_CODES: dict[str, list[tuple[str, str]]] = {
    "types": [
        ("reseller", "Reseller"),
        ("var", "VAR"),
        ("msp", "MSP"),
        ("si", "System integrator"),
        ("isv", "ISV"),
        ("distributor", "Distributor"),
        ("referral", "Referral"),
        ("affiliate", "Affiliate"),
    ],
    "status": [
        (code, code.capitalize()) for code in ("prospect", "active", "suspended", "terminated")
    ],
    "review_state": [
        (code, code.replace("_", " ").capitalize())
        for code in (
            "draft",
            "submitted",
            "under_review",
            "returned",
            "approved",
            "rejected",
            "expired",
            "withdrawn",
            "cancelled",
            "closed",
        )
    ],
    "outcome": [("won", "Won"), ("lost", "Lost")],
    "sync_state": [
        (label.lower().replace(" ", "_"), label)
        for label in ("In step", "Needs decision", "Refused", "Waiting", "Paused")
    ],
    "sync_decision": [("keep_crm", "Keep CRM value"), ("take_partner", "Take partner value")],
    "conflict_kind": [
        ("C1", "Partner against partner"),
        ("C2", "Partner against direct"),
        ("C3", "Named account"),
        ("C4", "Incumbent partner on a renewal"),
        ("C5", "Direct after protection"),
        ("C6", "Weak match"),
        ("C7", "Reseller and distributor"),
        ("C8", "Drift"),
    ],
}

_STATE = "sync_state:select sync_reason:textarea sync_decision:select"
_PARTNER = (
    "duns types:checkbox status:select tier partner_manager distributor created_at:datetime"
    f" conflict:bool conflict_kind:select conflict_reason {_STATE}"
    " forecast_amount:number forecast_currency forecast_period"
)
_CUSTOMER = "customer_name customer_domain customer_duns customer_country"
_CONFLICT = "conflict:bool conflict_kind:select conflict_reason:textarea"
_OPPORTUNITY = (
    f"number partner {_CUSTOMER} product_lines source registered:bool protected_until:datetime"
    f" {_CONFLICT} home last_activity_at:datetime created_at:datetime {_STATE}"
    " forecast_chance:number forecast_amount:number forecast_period"
)
_REGISTRATION = (
    f"number partner_id distributor_id opportunity_id {_CUSTOMER} customer_contact product_lines"
    " amount:number currency expected_close:date review_state:select reason outcome:select"
    " submitted_at:datetime due_at:datetime approved_at:datetime protected_until:datetime"
    f" extensions:number {_CONFLICT} margin:number margin_currency created_at:datetime {_STATE}"
)

_TYPE_OF = {
    "": ("string", "text"),
    "textarea": ("string", "textarea"),
    "number": ("number", "number"),
    "bool": ("bool", "booleancheckbox"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
    "select": ("enumeration", "select"),
    "checkbox": ("enumeration", "checkbox"),
}


def add_builtin(portal: Portal) -> None:
    """Objects, owners, pipelines and labels of HubSpot's own."""
    for kind in (_contacts(), _companies(), _deals(portal)):
        portal.add_type(kind)
    portal.types["0-3"].pipelines["default"] = _pipeline("default", "Sales pipeline", 0, _SALES)
    for owner in _owners():
        portal.owners[owner.id] = owner
    _standard_links(portal)


def add_partner_program(portal: Portal) -> None:
    """The properties, the custom object and the labels of the partner program."""
    for type_id, key, text in (
        ("0-2", "prm_partner_id", _PARTNER),
        ("0-3", "prm_opportunity_id", _OPPORTUNITY),
    ):
        kind = portal.types[type_id]
        kind.add_property(_key(key, "prmsync"))
        portal.add_properties(kind, _program_properties(text, "prm_", "prmsync"))
    channel = _pipeline(CHANNEL, "Channel pipeline", 1, _CHANNEL)
    portal.types["0-3"].pipelines[CHANNEL] = channel
    if portal.settings.custom_objects:
        registration = _registration(portal)
        portal.add_type(registration)
        for other in ("0-1", "0-2", "0-3"):
            portal.add_default_link(registration, portal.types[other])
    for label in LABELS:
        name = label.lower().replace(" ", "_")
        portal.add_label(("0-3", "0-2"), name, label, None)


def _registration(portal: Portal) -> ObjectType:
    kind = portal.new_custom_type(
        {
            "name": "prm_registration",
            "labels": {"singular": "Deal registration", "plural": "Deal registrations"},
            "primaryDisplayProperty": "number",
            "requiredProperties": ["number"],
            "searchableProperties": ["number", "customer_name", "customer_domain"],
        }
    )
    portal.add_properties(kind, system_properties(kind, "prm_registration_information"))
    group = "prm_registration_information"
    kind.add_property(_key("prm_registration_id", group))
    portal.add_properties(kind, _program_properties(_REGISTRATION, "", group))
    return kind


def _key(name: str, group: str) -> Property:
    label = name.replace("_", " ").capitalize()
    return Property(name, label, "string", group=group, unique=True)


def _program_properties(text: str, prefix: str, group: str) -> list[Property]:
    made = []
    for item in text.split():
        column, _, shape = item.partition(":")
        kind, field_type = _TYPE_OF[shape]
        choices = options(_CODES[column]) if kind == "enumeration" else []
        label = column.replace("_", " ").capitalize()
        made.append(Property(prefix + column, label, kind, field_type, choices, group))
    return made


def system_properties(kind: ObjectType, group: str) -> list[Property]:
    """What HubSpot keeps on every record; nobody may write it."""
    table = kind.table
    named = [
        (table.created_property, "Create date", "datetime"),
        ("hs_createdate", "Object create date/time", "datetime"),
        (table.modified_property, "Last modified date", "datetime"),
        ("hs_object_id", "Record ID", "number"),
        ("hs_object_source", "Record creation source", "string"),
        ("hs_object_source_id", "Record creation source ID", "string"),
        ("hs_object_source_label", "Record source", "string"),
        ("hs_created_by_user_id", "Created by user ID", "number"),
        ("hs_updated_by_user_id", "Updated by user ID", "number"),
        ("hs_merged_object_ids", "Merged object IDs", "string"),
    ]
    made = [_own(name, label, shape, group, read_only=True) for name, label, shape in named]
    made.append(_owner_property(group))
    return made


def _owner_property(group: str) -> Property:
    owner = _own("hubspot_owner_id", "Owner", "enumeration", group)
    owner.field_type, owner.external_options, owner.referenced = "select", True, OWNER
    return owner


def _own(name: str, label: str, shape: str, group: str, *, read_only: bool = False) -> Property:
    return Property(name, label, shape, group=group, read_only=read_only, hubspot_defined=True)


def _standard(kind: ObjectType, group: str, named: list[tuple[str, str, str]]) -> ObjectType:
    for definition in system_properties(kind, group):
        kind.add_property(definition)
    for name, label, shape in named:
        kind.add_property(_own(name, label, shape, group))
    return kind


def _contacts() -> ObjectType:
    kind = ObjectType(
        type_id="0-1",
        name="contact",
        fqn="CONTACT",
        singular="Contact",
        plural="Contacts",
        primary="firstname",
        table=Table("lastmodifieddate", "createdate"),
        default_properties=("email", "firstname", "lastname"),
        searchable=("firstname", "lastname", "email", "phone", "company"),
        scope="contacts",
        next_id=110_000_000_000,
    )
    names = [
        ("email", "Email"),
        ("firstname", "First name"),
        ("lastname", "Last name"),
        ("phone", "Phone number"),
        ("company", "Company name"),
        ("website", "Website URL"),
        ("jobtitle", "Job title"),
        ("country", "Country/Region"),
    ]
    _standard(kind, "contactinformation", [(name, label, "string") for name, label in names])
    email = kind.properties["email"]
    email.unique = True
    kind.add_property(email)
    return kind


def _companies() -> ObjectType:
    kind = ObjectType(
        type_id="0-2",
        name="company",
        fqn="COMPANY",
        singular="Company",
        plural="Companies",
        primary="name",
        table=Table("hs_lastmodifieddate", "createdate"),
        default_properties=("domain", "name"),
        searchable=("name", "domain", "website", "phone"),
        scope="companies",
        next_id=29_000_000_000,
    )
    names = [
        ("name", "Company name"),
        ("domain", "Company domain name"),
        ("website", "Website URL"),
        ("phone", "Phone number"),
        ("description", "Description"),
        ("industry", "Industry"),
        ("address", "Street address"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal code"),
        ("country", "Country/Region"),
    ]
    fields = [(name, label, "string") for name, label in names]
    fields += [
        ("numberofemployees", "Number of employees", "number"),
        ("annualrevenue", "Annual revenue", "number"),
        ("founded_year", "Year founded", "string"),
    ]
    return _standard(kind, "companyinformation", fields)


def _deals(portal: Portal) -> ObjectType:
    kind = ObjectType(
        type_id="0-3",
        name="deal",
        fqn="DEAL",
        singular="Deal",
        plural="Deals",
        primary="dealname",
        table=Table("hs_lastmodifieddate", "createdate"),
        default_properties=("amount", "closedate", "dealname", "dealstage", "pipeline"),
        searchable=("dealname", "description"),
        scope="deals",
        pipeline_property="pipeline",
        stage_property="dealstage",
        next_id=51_000_000_000,
    )
    fields = [
        ("dealname", "Deal Name", "string"),
        ("amount", "Amount", "number"),
        ("closedate", "Close Date", "datetime"),
        ("closed_lost_reason", "Closed Lost Reason", "string"),
        ("closed_won_reason", "Closed Won Reason", "string"),
        ("description", "Deal Description", "string"),
    ]
    _standard(kind, "dealinformation", fields)
    for name, label in (("dealstage", "Deal Stage"), ("pipeline", "Pipeline")):
        choice = _own(name, label, "enumeration", "dealinformation")
        choice.field_type, choice.external_options = "radio", True
        kind.add_property(choice)
    codes = (portal.account.currency, *portal.account.currencies)
    currency = _own("deal_currency_code", "Currency", "enumeration", "dealinformation")
    currency.options = options([(code, code) for code in codes])
    currency.allowed = frozenset(codes)
    kind.add_property(currency)
    for name, label, shape in (
        ("hs_is_closed", "Is Deal Closed?", "bool"),
        ("hs_is_closed_won", "Is Closed Won", "bool"),
        ("hs_deal_stage_probability", "Deal probability", "number"),
        ("hs_num_associated_deal_registrations", "Number of Deal Registrations", "number"),
    ):
        kind.add_property(_own(name, label, shape, "dealinformation", read_only=True))
    return kind


CHANNEL = "75501234"
"""A pipeline that an admin made: its id, and those of its stages, are numbers."""
_SALES = (
    ("appointmentscheduled", "Appointment Scheduled", 0.2),
    ("qualifiedtobuy", "Qualified To Buy", 0.4),
    ("presentationscheduled", "Presentation Scheduled", 0.6),
    ("decisionmakerboughtin", "Decision Maker Bought-In", 0.8),
    ("contractsent", "Contract Sent", 0.9),
    ("closedwon", "Closed Won", 1.0),
    ("closedlost", "Closed Lost", 0.0),
)
"""The stages that HubSpot gives every new account."""
_CHANNEL = (
    ("999210001", "New", 0.1),
    ("999210002", "Qualified", 0.25),
    ("999210003", "Proof of concept", 0.5),
    ("999210004", "Negotiation", 0.75),
    ("999210005", "Ordered", 0.9),
    ("999210006", "Won", 1.0),
    ("999210007", "Lost", 0.0),
)


def _pipeline(
    pipeline_id: str, label: str, order: int, stages: tuple[tuple[str, str, float], ...]
) -> Pipeline:
    shown = [
        {"id": stage, "label": text, "metadata": {"probability": str(probability)}}
        for stage, text, probability in stages
    ]
    raw = {"label": label, "displayOrder": order, "stages": shown}
    return pipeline_from_json(raw, pipeline_id, iso(0))


def _owners() -> list[Owner]:
    people = [
        ("410010001", "dana.whitfield@example.com", "Dana", "Whitfield", 61001, False),
        ("410010002", "marco.bellini@example.com", "Marco", "Bellini", 61002, False),
        ("410010003", "ingrid.solberg@example.com", "Ingrid", "Solberg", 61003, False),
        ("410010004", "samuel.okafor@example.com", "Samuel", "Okafor", 61004, False),
        ("410010009", "former.colleague@example.com", "Former", "Colleague", 61009, True),
    ]
    return [Owner(*person) for person in people]


def _standard_links(portal: Portal) -> None:
    for pair, ids, name, label, kind in (
        (("0-1", "0-2"), (279, 280), "contact_to_company_unlabeled", None, "unlabeled"),
        (("0-1", "0-2"), (1, 2), "contact_to_company", "Primary", "primary"),
        (("0-3", "0-1"), (3, 4), "deal_to_contact", None, "unlabeled"),
        (("0-3", "0-2"), (341, 342), "deal_to_company_unlabeled", None, "unlabeled"),
        (("0-3", "0-2"), (5, 6), "deal_to_company", "Primary", "primary"),
    ):
        portal.define_standard_link(pair, ids, name, label, kind)
    portal.define_standard_link(("0-2", "0-2"), (450, 450), "company_to_company", None, "unlabeled")
    portal.define_standard_link(("0-2", "0-2"), (14, 13), "child_to_parent", "Parent Company", "")
    portal.links.types["0-2", "0-2"][13].label = "Child Company"
