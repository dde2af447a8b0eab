from __future__ import annotations

import io
import zipfile

import orjson
import pytest

from prmsync_salesforce.simulator.settings import OrgSettings

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NS = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
ADMIN = "dana.admin@crm.example.com"


def field(name, kind, **more):
    rest = "".join(f"<{key}>{value}</{key}>" for key, value in more.items())
    head = f"<fullName>{name}</fullName><label>{name}</label><type>{kind}</type>"
    return f"<fields>{head}{rest}</fields>"


KEY = field("Key__c", "Text", length=36, externalId="true", unique="true")
MONEY = field("Worth__c", "Currency", precision=18, scale=2)
TO_ACCOUNT = field("Partner__c", "Lookup", referenceTo="Account", relationshipName="Deals")
OBJECT = (
    "<deploymentStatus>Deployed</deploymentStatus><label>Deal</label>"
    "<nameField><label>Deal Number</label><type>Text</type></nameField>"
    "<pluralLabel>Deals</pluralLabel><sharingModel>ReadWrite</sharingModel>"
)


def custom_object(*parts, whole=True):
    body = "".join(parts) + (OBJECT if whole else "")
    return f"{HEAD}<CustomObject {NS}>{body}</CustomObject>"


def permission_set(*rights):
    return f"{HEAD}<PermissionSet {NS}><label>Sync</label>{''.join(rights)}</PermissionSet>"


def reads_field(name, edit="true"):
    return (
        f"<fieldPermissions><editable>{edit}</editable><field>{name}</field>"
        "<readable>true</readable></fieldPermissions>"
    )


def reads_object(name, *rights):
    flags = "".join(
        f"<{tag}>{str(tag in rights).lower()}</{tag}>"
        for tag in ("allowRead", "allowCreate", "allowEdit", "allowDelete")
    )
    return f"<objectPermissions>{flags}<object>{name}</object></objectPermissions>"


def package(files, members=None):
    """A zip file; `members` defaults to what the files hold."""
    kinds = {"objects": "CustomObject", "permissionsets": "PermissionSet", "tabs": "CustomTab"}
    named = members
    if named is None:
        named = [
            (kinds[name.split("/")[0]], name.split("/")[1].rpartition(".")[0]) for name in files
        ]
    types = "".join(
        f"<types><members>{member}</members><name>{kind}</name></types>" for kind, member in named
    )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("package.xml", f"{HEAD}<Package {NS}>{types}</Package>")
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def as_admin(org):
    """The calls of an administrator, who signed in by a browser."""
    users = org.simulator.org.database.table("User")
    [admin] = [row["Id"] for row in users.live() if row["Username"] == ADMIN]
    org.token = org.simulator.sign_in._tokens.issue(admin)
    return org


def post(org, content, **options):
    edge = "prm7d2a"
    body = (
        f'--{edge}\r\nContent-Disposition: form-data; name="json"\r\n'
        "Content-Type: application/json\r\n\r\n"
        + orjson.dumps({"deployOptions": options}).decode()
        + f'\r\n--{edge}\r\nContent-Disposition: form-data; name="file"; filename="d.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    ).encode() + content
    kind = {"content-type": f"multipart/form-data; boundary={edge}"}
    return org.call("POST", "/metadata/deployRequest", body + f"\r\n--{edge}--\r\n".encode(), kind)


def deployed(org, files, members=None, **options):
    """The result of a deployment, once it is done."""
    status, answer = post(org, package(files, members), **options)
    assert status == 201, answer
    path = f"/metadata/deployRequest/{answer['id']}"
    assert org.call("GET", path)[1]["deployResult"]["status"] == "InProgress"
    return org.call("GET", path, includeDetails="true")[1]["deployResult"]


def problems(result):
    return [item["problem"] for item in result["details"]["componentFailures"]]


FILES = {
    "objects/Deal__c.object": custom_object(KEY, MONEY, TO_ACCOUNT),
    "permissionsets/Sync.permissionset": permission_set(
        reads_object("Account", "allowRead"),
        reads_object("Deal__c", "allowRead", "allowCreate", "allowEdit"),
        reads_field("Deal__c.Key__c"),
        reads_field("Deal__c.Worth__c", edit="false"),
    ),
}


@pytest.fixture
def bare(new_org):
    return as_admin(new_org(OrgSettings(prepared=False)))


def names(org, object_name="Deal__c"):
    status, answer = org.call("GET", f"/sobjects/{object_name}/describe")
    return status, {item["name"] for item in answer["fields"]} if status == 200 else answer


def test_what_is_deployed_is_invisible_until_a_permission_set_is_assigned(bare):
    result = deployed(bare, FILES)
    assert (result["status"], result["success"]) == ("Succeeded", True)
    assert result["numberComponentsDeployed"] == 5
    assert names(bare)[1].isdisjoint({"Key__c", "Worth__c"})
    bare.sign_in()
    assert names(bare)[0] == 404
    assert (
        bare.call("GET", "/query", q="SELECT Id FROM Deal__c")[1][0]["errorCode"] == "INVALID_TYPE"
    )
    refused = bare.call(
        "POST", "/composite/sobjects", {"records": [{"attributes": {"type": "Deal__c"}}]}
    )
    assert refused[1][0]["errors"][0]["statusCode"] == "INVALID_TYPE"
    assign(bare, "integration@crm.example.com")
    status, seen = names(bare)
    assert status == 200
    assert {"Key__c", "Worth__c", "Name"} <= seen
    assert "Partner__c" not in seen


def assign(org, username):
    [set_id] = org.ids("SELECT Id FROM PermissionSet WHERE Name = 'Sync'")
    [user] = org.ids(f"SELECT Id FROM User WHERE Username = '{username}'")
    values = {"AssigneeId": user, "PermissionSetId": set_id}
    refused = org.call("POST", "/sobjects/PermissionSetAssignment", values)
    assert refused[1][0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    as_admin(org).create("PermissionSetAssignment", **values)
    org.sign_in()


def test_a_field_that_may_only_be_read_is_not_written(bare):
    deployed(bare, FILES)
    bare.sign_in()
    assign(bare, "integration@crm.example.com")
    made = bare.create("Deal__c", Key__c="k1", Name="D-1")
    assert bare.read("Deal__c", made)["Key__c"] == "k1"
    status, answer = bare.call("PATCH", f"/sobjects/Deal__c/{made}", {"Worth__c": 5})
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    status, answer = bare.call("PATCH", f"/sobjects/Deal__c/{made}", {"Partner__c": None})
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_FIELD")
    assert bare.call("DELETE", f"/sobjects/Deal__c/{made}")[0] == 400
    assert bare.query("SELECT Worth__c FROM Deal__c")[0]["Worth__c"] is None
    assert bare.call("GET", "/query", q="SELECT Partner__c FROM Deal__c")[0] == 400


def test_only_an_administrator_deploys(bare):
    bare.sign_in()
    status, answer = post(bare, package(FILES))
    assert (status, answer[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
    assert "ModifyMetadata" in answer[0]["message"]


def test_one_failure_takes_the_whole_deployment_back(bare):
    wrong = field("Bad__c", "Text", length=300)
    files = {**FILES, "objects/Deal__c.object": custom_object(KEY, wrong)}
    before = bare.query("SELECT COUNT() FROM PermissionSet")
    result = deployed(bare, files)
    assert result["status"] == "Failed"
    assert problems(result)[0] == "The length of a Text field must be between 1 and 255"
    assert names(bare)[0] == 404
    assert bare.query("SELECT COUNT() FROM PermissionSet") == before
    assert deployed(bare, FILES)["status"] == "Succeeded"


def test_a_check_changes_nothing(bare):
    assert deployed(bare, FILES, checkOnly=True)["status"] == "Succeeded"
    assert names(bare)[0] == 404


def test_deploying_again_changes_and_adds_without_loss(bare):
    deployed(bare, FILES)
    again = {"objects/Deal__c.object": custom_object(MONEY, field("New__c", "Date"), whole=False)}
    result = deployed(bare, again)
    created = {
        item["fullName"]: item["created"] for item in result["details"]["componentSuccesses"]
    }
    assert created == {"Deal__c": False, "Deal__c.Worth__c": False, "Deal__c.New__c": True}
    changed = {"objects/Deal__c.object": custom_object(field("Worth__c", "Date"), whole=False)}
    assert problems(deployed(bare, changed)) == [
        "Cannot change the type of Deal__c.Worth__c from currency to date"
    ]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"objects/Deal__c.object": custom_object(field("P__c", "Picklist"))},
            "Must specify 'valueSet' for a picklist field",
        ),
        (
            {"objects/Deal__c.object": custom_object(field("B__c", "Checkbox"))},
            "Must specify 'defaultValue' for a CustomField of type Checkbox",
        ),
        (
            {"objects/Deal__c.object": custom_object(field("L__c", "LongTextArea", length=999))},
            "Must specify 'visibleLines' for a CustomField of type LongTextArea",
        ),
        (
            {"objects/Deal__c.object": custom_object(field("R__c", "Lookup", referenceTo="No__c"))},
            "referenceTo value of 'No__c' does not resolve to a valid sObject type",
        ),
        (
            {"objects/Deal__c.object": custom_object(whole=False)},
            "Required field is missing: label",
        ),
        (
            {"objects/Deal.object": custom_object()},
            "Entity of type 'CustomObject' named 'Deal' cannot be found",
        ),
        (
            {"permissionsets/S.permissionset": permission_set(reads_field("Account.Nope__c"))},
            "In field: field - no CustomField named Account.Nope__c found",
        ),
        (
            {"permissionsets/S.permissionset": permission_set(reads_field("Account.Name"))},
            "You cannot deploy to a required field: Account.Name",
        ),
        (
            {
                "permissionsets/S.permissionset": permission_set(
                    reads_object("Opportunity", "allowRead")
                )
            },
            "Permission Read Opportunity depends on permission(s): Read Account",
        ),
        (
            {
                "permissionsets/S.permissionset": permission_set(
                    reads_object("Account", "allowEdit")
                )
            },
            "Permission Edit Account depends on permission(s): Read Account",
        ),
    ],
)
def test_a_component_that_cannot_be_deployed_says_why(bare, files, problem):
    assert problem in problems(deployed(bare, files))


def test_the_manifest_and_the_files_must_agree(bare):
    missing = deployed(bare, {}, [("CustomObject", "Deal__c")])
    assert "was named in package.xml, but was not found" in problems(missing)[0]
    extra = deployed(bare, FILES, [("CustomObject", "Deal__c")])
    assert problems(extra) == ["Not in package.xml"]
    status, answer = post(bare, b"no zip")
    bare.call("GET", f"/metadata/deployRequest/{answer['id']}")
    result = bare.call("GET", f"/metadata/deployRequest/{answer['id']}")[1]["deployResult"]
    assert (status, result["status"]) == (201, "Failed")
    assert result["errorMessage"] == "The zip file is not valid."
    assert bare.call("GET", "/metadata/deployRequest/0Afnope")[0] == 404


def test_the_tooling_api_names_objects_fields_and_rules(bare):
    rule = (
        "<validationRules><fullName>Priced</fullName><active>true</active>"
        "<errorConditionFormula>Worth__c &lt; 0</errorConditionFormula>"
        "<errorMessage>No.</errorMessage></validationRules>"
    )
    view = (
        "<listViews><fullName>Mine</fullName><columns>NAME</columns><columns>Key__c</columns>"
        "<filterScope>Mine</filterScope><label>Mine</label></listViews>"
    )
    deployed(bare, {"objects/Deal__c.object": custom_object(KEY, MONEY, rule, view)})

    def tooling(soql):
        status, answer = bare.call("GET", "/tooling/query", q=soql)
        assert status == 200, answer
        return [
            {key: value for key, value in row.items() if key != "attributes"}
            for row in answer["records"]
        ]

    fields = tooling(
        "SELECT QualifiedApiName, DataType FROM FieldDefinition "
        "WHERE EntityDefinition.QualifiedApiName = 'Deal__c' AND QualifiedApiName LIKE '%__c'"
    )
    assert fields == [
        {
            "QualifiedApiName": "Key__c",
            "DataType": "Text(36) (External ID) (Unique Case Insensitive)",
        },
        {"QualifiedApiName": "Worth__c", "DataType": "Currency(16, 2)"},
    ]
    assert tooling(
        "SELECT ValidationName, Active, ErrorMessage FROM ValidationRule "
        "WHERE EntityDefinition.QualifiedApiName = 'Deal__c'"
    ) == [{"ValidationName": "Priced", "Active": True, "ErrorMessage": "No."}]
    assert tooling("SELECT Label FROM EntityDefinition WHERE QualifiedApiName = 'Deal__c'") == [
        {"Label": "Deal"}
    ]
    assert bare.query("SELECT DeveloperName FROM ListView")[0]["DeveloperName"] == "Mine"
    status, answer = bare.call("GET", "/query", q="SELECT Id FROM ValidationRule")
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_TYPE")


def test_flows_and_rules_of_the_admin_can_be_put_there_and_asked_for(bare):
    flow = {
        "ApiName": "Stamp_Deals",
        "IsActive": True,
        "TriggerType": "RecordAfterSave",
        "TriggerObjectOrEventId": "Opportunity",
    }
    body = {"object": "FlowDefinitionView", "values": flow}
    assert bare.call("POST", "/_simulator/records", body)[0] == 200
    soql = (
        "SELECT ApiName FROM FlowDefinitionView WHERE IsActive = true "
        "AND TriggerObjectOrEvent.QualifiedApiName = 'Opportunity'"
    )
    for path in ("/query", "/tooling/query"):
        status, answer = bare.call("GET", path, q=soql)
        assert status == 200, answer
        assert [row["ApiName"] for row in answer["records"]] == ["Stamp_Deals"]


def test_a_saved_state_brings_deployed_objects_and_grants_back(bare, new_org):
    deployed(bare, FILES)
    bare.sign_in()
    assign(bare, "integration@crm.example.com")
    bare.create("Deal__c", Key__c="k1")
    state = bare.call("GET", "/_simulator/state")[1]
    other = new_org(OrgSettings(prepared=False))
    assert other.call("PUT", "/_simulator/state", state)[0] == 200
    assert other.query("SELECT Key__c FROM Deal__c")[0]["Key__c"] == "k1"
    assert "Partner__c" not in names(other)[1]
    assert other.call("GET", "/_simulator/state")[1] == state
    assert bare.call("PUT", "/_simulator/state", new_org().call("GET", "/_simulator/state")[1])
    assert names(bare)[0] == 404


def test_without_partner_features_there_are_no_partner_objects(new_org):
    org = new_org(OrgSettings(partner_objects=False))
    for name in ("OpportunityPartner", "PartnerRole"):
        assert org.call("GET", f"/sobjects/{name}/describe")[0] == 404


def rule(formula, active="true"):
    return custom_object(
        "<validationRules><fullName>Priced</fullName>"
        f"<active>{active}</active><errorConditionFormula>{formula}</errorConditionFormula>"
        "<errorDisplayField>Amount</errorDisplayField>"
        "<errorMessage>Price it first.</errorMessage></validationRules>",
        whole=False,
    )


def test_a_deployed_validation_rule_is_obeyed_until_it_is_switched_off(bare):
    name = "objects/Opportunity.object"
    result = deployed(bare, {name: rule("ISCHANGED(StageName) &amp;&amp; Amount &lt; 1")})
    assert result["status"] == "Succeeded", problems(result)
    deal = bare.opportunity()
    path = f"/sobjects/Opportunity/{deal}"
    status, answer = bare.call("PATCH", path, {"StageName": "Closed Won"})
    assert (status, answer[0]["errorCode"]) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert (answer[0]["message"], answer[0]["fields"]) == ("Price it first.", ["Amount"])
    assert bare.call("PATCH", path, {"StageName": "Closed Won", "Amount": 5})[0] == 204
    deployed(bare, {name: rule("true", active="false")})
    assert bare.call("PATCH", path, {"Amount": 0})[0] == 204
    wrong = deployed(bare, {name: rule("Nope__c = 1")})
    assert problems(wrong) == ["Error: Field Nope__c does not exist. Check spelling."]


def test_a_deployed_formula_field_is_worked_out(bare):
    double = field("Double__c", "Number", formula="Amount * 2", precision=18, scale=2)
    result = deployed(bare, {"objects/Opportunity.object": custom_object(double, whole=False)})
    assert result["status"] == "Succeeded", problems(result)
    deal = bare.opportunity(Amount=4)
    body = bare.call("GET", "/_simulator/records", object="Opportunity", id=deal)[1]
    assert body["records"][0]["Double__c"] == 8.0
    wrong = field("Bad__c", "Number", formula="SHOUT(1)", precision=18, scale=2)
    refused = deployed(bare, {"objects/Opportunity.object": custom_object(wrong, whole=False)})
    assert problems(refused) == ["Error: Unknown function SHOUT. Check spelling."]


def test_a_required_field_with_a_default_fills_itself(bare, new_org):
    region = field("Region__c", "Text", length=20, required="true", defaultValue='"EMEA"')
    files = {"objects/Opportunity.object": custom_object(region, whole=False)}
    assert deployed(bare, files)["status"] == "Succeeded"
    twin = new_org()
    assert twin.call("PUT", "/_simulator/state", bare.call("GET", "/_simulator/state")[1])[0] == 200
    for org in (bare, twin):
        described = org.call("GET", "/sobjects/Opportunity/describe")[1]["fields"]
        (told,) = [one for one in described if one["name"] == "Region__c"]
        assert (told["nillable"], told["defaultedOnCreate"]) == (False, True)
        assert (told["defaultValue"], told["defaultValueFormula"]) == (None, '"EMEA"')
        made = org.opportunity(Name="With a default")
        [row] = org.query(f"SELECT Region__c FROM Opportunity WHERE Id = '{made}'")
        assert row["Region__c"] == "EMEA"
    today = field("Day__c", "Text", length=20, defaultValue="TEXT(TODAY())")
    refused = deployed(bare, {"objects/Opportunity.object": custom_object(today, whole=False)})
    assert problems(refused) == ["The default value is neither a text nor a number: TEXT(TODAY())"]


def picklist(name: str, *values: str, defaults: tuple[str, ...], required: bool = False) -> str:
    parts = "".join(
        f"<value><fullName>{one}</fullName><default>{str(one in defaults).lower()}</default>"
        f"<label>{one}</label></value>"
        for one in values
    )
    return (
        f"<fields><fullName>{name}</fullName><label>{name}</label><type>Picklist</type>"
        f"<required>{str(required).lower()}</required><valueSet><restricted>true</restricted>"
        f"<valueSetDefinition>{parts}</valueSetDefinition></valueSet></fields>"
    )


def test_the_default_value_of_a_picklist_is_told_and_taken(bare, new_org):
    region = picklist("Region__c", "EMEA", "APAC", defaults=("APAC",), required=True)
    files = {"objects/Opportunity.object": custom_object(region, whole=False)}
    assert deployed(bare, files)["status"] == "Succeeded"
    saved = bare.call("GET", "/sobjects/Opportunity/describe")[1]
    for org in (bare, new_org(schema=saved)):
        described = org.call("GET", "/sobjects/Opportunity/describe")[1]["fields"]
        (told,) = [one for one in described if one["name"] == "Region__c"]
        assert (told["defaultValue"], told["defaultedOnCreate"]) == ("APAC", True)
        assert [one["defaultValue"] for one in told["picklistValues"]] == [False, True]
        made = org.opportunity(Name="With a default")
        assert org.read("Opportunity", made)["Region__c"] == "APAC"
    both = picklist("Area__c", "North", "South", defaults=("North", "South"))
    refused = deployed(bare, {"objects/Opportunity.object": custom_object(both, whole=False)})
    assert problems(refused) == ["Only one picklist value can be the default: North, South"]


def test_a_deployed_roll_up_summary_follows_the_children(bare):
    total = field(
        "Total__c",
        "Summary",
        summaryForeignKey="Opportunity.AccountId",
        summarizedField="Opportunity.Amount",
        summaryOperation="sum",
    )
    name = "objects/Account.object"
    result = deployed(bare, {name: custom_object(total, whole=False)})
    assert result["status"] == "Succeeded", problems(result)
    partner = bare.create("Account", Name="P")
    for amount in (5, 7):
        bare.opportunity(AccountId=partner, Amount=amount)
    [row] = bare.call("GET", "/_simulator/records", object="Account", id=partner)[1]["records"]
    assert row["Total__c"] == 12.0
    wrong = total.replace("Opportunity.AccountId", "Nope__c.X").replace("Total__c", "Other__c")
    refused = deployed(bare, {name: custom_object(wrong, whole=False)})
    assert problems(refused) == [
        "In field: summaryForeignKey - a roll-up names an unknown object: Account or Nope__c"
    ]
