from __future__ import annotations

import pytest

from prmsync_salesforce.simulator.settings import OrgSettings


@pytest.fixture
def deals(org):
    """Four deals; the values tell every operator apart."""
    acme = org.create("Account", Name="Acme", PRM_Partner_Id__c="acme")
    rows = [
        ("one", 100, "2026-04-01", acme, True, "2026-03-01T10:00:00Z", "O'Neil"),
        ("Two", 200.5, "2026-05-01", None, False, "2026-03-02T10:00:00Z", "50%_off"),
        ("three", None, "2026-06-01", acme, True, None, None),
        ("FOUR", 400, "2026-02-28", None, False, "2026-03-04T10:00:00Z", "plain"),
    ]
    for name, amount, close, account, registered, until, step in rows:
        org.opportunity(
            Name=name,
            Amount=amount,
            CloseDate=close,
            AccountId=account,
            PRM_Registered__c=registered,
            PRM_Protected_Until__c=until,
            NextStep=step,
        )
    return org


def names(org, where="", tail=""):
    clause = f" WHERE {where}" if where else ""
    return [row["Name"] for row in org.query(f"SELECT Name FROM Opportunity{clause} {tail}")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Name = 'TWO'", ["Two"]),
        ("Name != 'two'", ["one", "three", "FOUR"]),
        ("Amount > 100", ["Two", "FOUR"]),
        ("Amount >= 100 AND Amount <= 200.5", ["one", "Two"]),
        ("Amount = null", ["three"]),
        ("Amount != 100", ["Two", "three", "FOUR"]),
        ("Name IN ('one','four')", ["one", "FOUR"]),
        ("Name NOT IN ('one','four')", ["Two", "three"]),
        ("Name LIKE '%o%'", ["one", "Two", "FOUR"]),
        ("Name LIKE 't__'", ["Two"]),
        ("NextStep = 'O\\'Neil'", ["one"]),
        ("NextStep LIKE '50\\%\\_%'", ["Two"]),
        ("PRM_Registered__c = true", ["one", "three"]),
        ("NOT PRM_Registered__c = true", ["Two", "FOUR"]),
        ("CloseDate >= 2026-05-01", ["Two", "three"]),
        ("CloseDate = LAST_N_DAYS:3", ["FOUR"]),
        ("PRM_Protected_Until__c > 2026-03-01T11:00:00+01:00", ["Two", "FOUR"]),
        ("PRM_Protected_Until__c >= 2026-03-01T11:00:00+01:00", ["one", "Two", "FOUR"]),
        ("PRM_Protected_Until__c = TODAY", ["one"]),
        ("(Name = 'one' OR Name = 'Two') AND Amount < 150", ["one"]),
        ("Name = 'one' OR (Name = 'Two' AND Amount < 150)", ["one"]),
        ("Name = 'one' OR (NOT Name LIKE '%e%')", ["one", "Two", "FOUR"]),
        ("Account.Name = 'acme'", ["one", "three"]),
        ("Account.PRM_Partner_Id__c = null", ["Two", "FOUR"]),
    ],
)
def test_conditions(deals, where, expected):
    assert names(deals, where) == expected


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("ORDER BY Amount", ["three", "one", "Two", "FOUR"]),
        ("ORDER BY Amount ASC NULLS LAST", ["one", "Two", "FOUR", "three"]),
        ("ORDER BY Amount DESC", ["three", "FOUR", "Two", "one"]),
        ("ORDER BY Amount DESC NULLS LAST", ["FOUR", "Two", "one", "three"]),
        ("ORDER BY Name", ["FOUR", "one", "three", "Two"]),
        ("ORDER BY PRM_Registered__c DESC, Name ASC", ["one", "three", "FOUR", "Two"]),
        ("ORDER BY Name LIMIT 2", ["FOUR", "one"]),
        ("ORDER BY Name LIMIT 2 OFFSET 1", ["one", "three"]),
    ],
)
def test_order_limit_and_offset(deals, tail, expected):
    assert names(deals, tail=tail) == expected


def test_parents_are_nested_and_null_when_missing(deals):
    rows = deals.query("SELECT name, Account.Name, Owner.Email FROM Opportunity ORDER BY Amount")
    assert rows[0]["Account"]["Name"] == "Acme"
    assert rows[0]["Account"]["attributes"]["type"] == "Account"
    assert rows[2]["Account"] is None
    assert rows[2]["Owner"]["Email"] == "integration@example.com"
    assert list(rows[0]) == ["attributes", "Name", "Account", "Owner"]


def test_an_answer_is_a_page_with_its_attributes(deals):
    status, answer = deals.call("GET", "/query/", q="SELECT Id, Amount FROM Opportunity LIMIT 1")
    assert status == 200
    record_id = answer["records"][0]["Id"]
    assert answer == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {
                    "type": "Opportunity",
                    "url": f"/services/data/v68.0/sobjects/Opportunity/{record_id}",
                },
                "Id": record_id,
                "Amount": 100.0,
            }
        ],
    }


def test_counts_and_aggregates(deals):
    answer = deals.call("GET", "/query", q="select count() from Opportunity")[1]
    assert answer == {"totalSize": 4, "done": True, "records": []}
    rows = deals.query(
        "SELECT PRM_Registered__c, COUNT(Id) n, SUM(Amount), MAX(CloseDate) last "
        "FROM Opportunity GROUP BY PRM_Registered__c"
    )
    assert rows == [
        {
            "attributes": {"type": "AggregateResult"},
            "PRM_Registered__c": True,
            "n": 2,
            "expr0": 100.0,
            "last": "2026-06-01",
        },
        {
            "attributes": {"type": "AggregateResult"},
            "PRM_Registered__c": False,
            "n": 2,
            "expr0": 600.5,
            "last": "2026-05-01",
        },
    ]


def test_ids_are_found_in_both_forms_and_keys_through_their_index(deals):
    record_id = deals.ids("SELECT Id FROM Account")[0]
    assert deals.ids(f"SELECT Id FROM Account WHERE Id IN ('{record_id[:15]}')") == [record_id]
    assert deals.ids("SELECT Id FROM Account WHERE PRM_Partner_Id__c = 'ACME'") == [record_id]
    assert deals.ids("SELECT Id FROM Account WHERE PRM_Partner_Id__c IN ('x')") == []
    where = "PRM_Partner_Id__c = 'acme' AND Name = 'other'"
    assert deals.ids(f"SELECT Id FROM Account WHERE {where}") == []


def test_a_deleted_record_is_found_by_key_only_through_query_all(deals):
    record_id = deals.ids("SELECT Id FROM Account")[0]
    deals.call("DELETE", f"/sobjects/Account/{record_id}")
    soql = "SELECT Id FROM Account WHERE PRM_Partner_Id__c = 'acme'"
    assert deals.ids(soql) == []
    assert deals.ids(soql, "queryAll") == [record_id]


def test_fields_functions_need_a_limit(deals):
    rows = deals.query("SELECT FIELDS(CUSTOM) FROM Account LIMIT 5")
    assert rows[0]["PRM_Partner_Id__c"] == "acme"
    assert "Name" not in rows[0]
    status, answer = deals.call("GET", "/query", q="SELECT FIELDS(ALL) FROM Account")
    assert (status, answer[0]["errorCode"]) == (400, "MALFORMED_QUERY")


def test_columns_tell_types_instead_of_records(deals):
    answer = deals.call("GET", "/query", q="SELECT Id, Amount FROM Opportunity", columns="true")[1]
    assert answer["entityName"] == "Opportunity"
    assert [item["columnName"] for item in answer["columnMetadata"]] == ["Id", "Amount"]
    assert answer["columnMetadata"][1]["numberType"] is True


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("SELECT Id FROM Opportunty", "INVALID_TYPE", "sObject type 'Opportunty' is not supported"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD", "No such column 'Nmae' on entity 'Account'"),
        ("SELECT Id FROM Account WHERE Foo__r.Id = null", "INVALID_FIELD", "relationship 'Foo__r'"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id Name FROM Account", "MALFORMED_QUERY", "unexpected token: 'Name'"),
        (
            "SELECT Id FROM Account WHERE Name='a' AND Id!=null OR Name='b'",
            "MALFORMED_QUERY",
            "'OR'",
        ),
        (
            "SELECT Id FROM Account WHERE Name='a' OR Name='b' AND Id!=null",
            "MALFORMED_QUERY",
            "'AND'",
        ),
        ("SELECT Id FROM Account WHERE Id!=null AND NOT (Name='b')", "MALFORMED_QUERY", "'NOT'"),
        ("SELECT Id FROM Account WHERE NOT Name='b' AND Id!=null", "MALFORMED_QUERY", "'AND'"),
        ("SELECT Id FROM Account LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        ("SELECT Id FROM Account WHERE Name = 'open", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id, id FROM Account", "INVALID_FIELD", "duplicate field selected"),
        (
            "SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "must be of type dateTime and should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "must be grouped"),
    ],
)
def test_wrong_queries_are_refused(org, soql, code, part):
    status, answer = org.call("GET", "/query", q=soql)
    assert (status, answer[0]["errorCode"]) == (400, code)
    assert part in answer[0]["message"]


def test_an_error_points_at_its_place(org):
    _, answer = org.call("GET", "/query", q="select count() from XYZZY")
    assert answer[0]["message"].startswith(
        "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
    )


@pytest.fixture
def many(org):
    for start in range(0, 4500, 200):
        records = [
            {"attributes": {"type": "Account"}, "Name": f"A{number:04d}"}
            for number in range(start, min(start + 200, 4500))
        ]
        assert org.call("POST", "/composite/sobjects", {"records": records})[0] == 200
    return org


def test_pages_hold_2000_records_and_lead_on_by_locator(many):
    first = many.call("GET", "/query", q="SELECT Name FROM Account ORDER BY Name")[1]
    assert (first["totalSize"], first["done"], len(first["records"])) == (4500, False, 2000)
    assert first["nextRecordsUrl"].startswith("/services/data/v68.0/query/0r8")
    assert first["nextRecordsUrl"].endswith("-2000")
    second = many.call("GET", first["nextRecordsUrl"])[1]
    third = many.call("GET", second["nextRecordsUrl"])[1]
    assert (third["done"], "nextRecordsUrl" in third) == (True, False)
    seen = [row["Name"] for page in (first, second, third) for row in page["records"]]
    assert seen == [f"A{number:04d}" for number in range(4500)]
    stats = many.simulator.chassis.stats
    assert (stats.calls("query"), stats.calls("query-more")) == (1, 2)


@pytest.mark.parametrize(("asked", "got"), [("250", 250), ("10", 200), ("9999", 2000)])
def test_the_page_size_is_asked_for_within_bounds(many, asked, got):
    headers = {"sforce-query-options": f"batchSize={asked}"}
    answer = many.call("GET", "/query", headers=headers, q="SELECT Id FROM Account")[1]
    assert len(answer["records"]) == got


def test_a_locator_dies_after_two_days_and_an_unknown_one_is_refused(many):
    following = many.call("GET", "/query", q="SELECT Id FROM Account")[1]["nextRecordsUrl"]
    many.advance(3600)
    assert many.call("GET", following)[0] == 200
    many.advance(2 * 24 * 3600)
    many.sign_in()
    status, answer = many.call("GET", following)
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    status, answer = many.call("GET", "/query/0r8gK0000000999QAA-2000")
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_a_uri_that_is_too_long_is_refused(org):
    soql = "SELECT Id FROM Account WHERE Name IN (" + ",".join(["'x'"] * 5000) + ")"
    assert org.call("GET", "/query", q=soql)[0] == 414


def test_columns_nest_the_parent_s_fields_and_name_aggregates(deals):
    def columns(soql):
        return deals.call("GET", "/query", q=soql, columns="true")[1]["columnMetadata"]

    plain, parent = columns("SELECT Id, Owner.Name, Owner.Email FROM Opportunity")
    assert (plain["columnName"], parent["columnName"], parent["aggregate"]) == (
        "Id",
        "Owner",
        False,
    )
    assert [item["columnName"] for item in parent["joinColumns"]] == ["Name", "Email"]
    stage, count = columns("SELECT StageName, COUNT(Id) n FROM Opportunity GROUP BY StageName")
    assert (stage["aggregate"], count["aggregate"]) == (False, True)
    assert (count["columnName"], count["displayName"]) == ("n", "count(Id)")


def test_the_vendor_s_cli_asks_what_kind_of_org_it_is(org):
    soql = (
        "SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix, "
        "OrganizationType FROM Organization"
    )
    assert org.query(soql)[0]["TrialExpirationDate"] is None
    doubled = org.call("GET", "//services/data/v68.0/limits")
    assert doubled[0] == 200


@pytest.fixture
def family(org):
    """Two accounts, the first with three deals."""
    first, second = org.create("Account", Name="First"), org.create("Account", Name="Second")
    for number in (3, 1, 2):
        org.opportunity(Name=f"D{number}", Amount=number * 10, AccountId=first)
    org.opportunity(Name="Alone", Amount=5)
    org.first, org.second = first, second
    return org


def test_children_come_as_an_answer_of_their_own(family):
    soql = (
        "SELECT Name, (SELECT Name, Owner.Name FROM Opportunities WHERE Amount > 10 "
        "ORDER BY Name DESC LIMIT 5) FROM Account ORDER BY Name"
    )
    first, second = family.query(soql)
    assert first["Opportunities"]["totalSize"] == 2
    assert [row["Name"] for row in first["Opportunities"]["records"]] == ["D3", "D2"]
    assert first["Opportunities"]["records"][0]["Owner"]["Name"] == "Integration User"
    assert second["Opportunities"] is None
    status, answer = family.call("GET", "/query", q="SELECT (SELECT Id FROM Nope) FROM Account")
    assert (status, answer[0]["errorCode"]) == (400, "INVALID_TYPE")
    columns = family.call("GET", "/query", q=soql, columns="true")[1]["columnMetadata"]
    assert [item["columnName"] for item in columns] == ["Name", "Opportunities"]
    relations = family.call("GET", "/sobjects/Account/describe")[1]["childRelationships"]
    assert {"childSObject": "Opportunity", "relationshipName": "Opportunities"}.items() <= next(
        item for item in relations if item["relationshipName"] == "Opportunities"
    ).items()


def test_a_semi_join_asks_for_what_another_object_names(family):
    having = "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity)"
    assert family.ids(having) == [family.first]
    without = "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity)"
    assert family.ids(without) == [family.second]
    two = "SELECT Id FROM Account WHERE Id IN (SELECT Id, AccountId FROM Opportunity)"
    assert family.call("GET", "/query", q=two)[1][0]["errorCode"] == "MALFORMED_QUERY"


def test_groups_are_filtered_and_ordered(family):
    soql = (
        "SELECT AccountId, SUM(Amount) total FROM Opportunity GROUP BY AccountId "
        "HAVING COUNT(Id) > {} ORDER BY SUM(Amount) DESC"
    )
    assert [row["total"] for row in family.query(soql.format(0))] == [60.0, 5.0]
    assert [row["total"] for row in family.query(soql.format(1))] == [60.0]
    by_alias = soql.format(0).replace("SUM(Amount) DESC", "total")
    assert [row["total"] for row in family.query(by_alias)] == [5.0, 60.0]
    wrong = "SELECT Id FROM Opportunity WHERE SUM(Amount) > 1"
    assert family.call("GET", "/query", q=wrong)[1][0]["errorCode"] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("literal", "days"),
    [
        ("TODAY", ["2026-03-01"]),
        ("YESTERDAY", ["2026-02-28"]),
        ("THIS_WEEK", ["2026-03-01", "2026-03-07"]),
        ("LAST_WEEK", ["2026-02-28"]),
        ("LAST_MONTH", ["2026-02-01", "2026-02-28"]),
        ("THIS_QUARTER", ["2026-02-01", "2026-02-28", "2026-03-01", "2026-03-07"]),
        ("LAST_YEAR", ["2025-12-31"]),
        ("NEXT_QUARTER", ["2026-04-01"]),
        ("LAST_N_DAYS:1", ["2026-02-28", "2026-03-01"]),
        ("NEXT_N_MONTHS:1", ["2026-04-01"]),
        ("LAST_N_YEARS:1", ["2025-12-31"]),
        ("N_DAYS_AGO:1", ["2026-02-28"]),
        ("N_MONTHS_AGO:1", ["2026-02-01", "2026-02-28"]),
        ("NEXT_90_DAYS", ["2026-03-07", "2026-04-01"]),
    ],
)
def test_date_literals_are_spans_of_days(org, literal, days):
    every = ("2025-12-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-03-07", "2026-04-01")
    for day in every:
        org.opportunity(CloseDate=day)
    rows = org.query(f"SELECT CloseDate FROM Opportunity WHERE CloseDate = {literal}")
    assert sorted(row["CloseDate"] for row in rows) == days


@pytest.fixture
def labelled(new_org):
    """Registrations in review states whose labels differ from their codes."""
    rows = [
        {"Name": f"R-{at}", "Review_State__c": state, "Outcome__c": outcome, "Amount__c": at}
        for at, (state, outcome) in enumerate(
            [("under_review", "lost"), ("approved", "lost"), ("under_review", "won"), (None, "won")]
        )
    ]
    return new_org(data={"PRM_Registration__c": rows})


def test_labels_are_shown_and_compared_where_they_are_asked_for(labelled):
    soql = "SELECT Name, toLabel(Review_State__c) FROM PRM_Registration__c ORDER BY Name"
    shown = [row["Review_State__c"] for row in labelled.query(soql)]
    assert shown == ["Under Review", "Approved", "Under Review", None]
    where = "SELECT Review_State__c FROM PRM_Registration__c WHERE toLabel(Review_State__c) = "
    assert [row["Review_State__c"] for row in labelled.query(where + "'Under Review'")] == [
        "under_review",
        "under_review",
    ]


def totals(org, how):
    soql = (
        "SELECT Outcome__c, Review_State__c, SUM(Amount__c) total, GROUPING(Review_State__c) sub "
        f"FROM PRM_Registration__c WHERE Review_State__c != null GROUP BY {how}"
    )
    return [
        (row["Outcome__c"], row["Review_State__c"], row["total"], row["sub"])
        for row in org.query(soql)
    ]


def test_a_rollup_adds_subtotals_from_the_last_field_to_the_grand_total(labelled):
    assert totals(labelled, "ROLLUP(Outcome__c, Review_State__c)") == [
        ("lost", "under_review", 0, 0),
        ("lost", "approved", 1, 0),
        ("won", "under_review", 2, 0),
        ("lost", None, 1, 1),
        ("won", None, 2, 1),
        (None, None, 3, 1),
    ]


def test_a_cube_adds_subtotals_of_every_combination(labelled):
    found = totals(labelled, "CUBE(Outcome__c, Review_State__c)")
    assert (None, "under_review", 2, 0) in found
    assert (None, "approved", 1, 0) in found
    assert len(found) == 8


def test_typeof_shows_the_fields_of_the_object_that_a_reference_leads_to(org):
    org.create("Lead", LastName="Stone", Company="Acme")
    by_owner = "SELECT Name, TYPEOF Owner WHEN User THEN Email, Profile.Name WHEN Group THEN Name"
    (lead,) = org.query(f"{by_owner} ELSE Id END FROM Lead WHERE Company = 'Acme'")
    assert lead["Name"] == "Stone"
    owner = lead["Owner"]
    assert owner["attributes"]["type"] == "User"
    assert set(owner) == {"attributes", "Email", "Profile"}
    (lead,) = org.query("SELECT TYPEOF Owner WHEN Group THEN Name END FROM Lead")
    assert lead["Owner"] is None
    (lead,) = org.query("SELECT TYPEOF Owner WHEN Group THEN Name ELSE Username END FROM Lead")
    assert lead["Owner"]["Username"] == "integration@crm.example.com"
    answer = org.call("GET", "/query", q=f"{by_owner} END FROM Lead", columns="true")[1]
    assert [one["columnName"] for one in answer["columnMetadata"]] == ["Name", "Owner"]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT TYPEOF Owner WHEN User THEN Email END FROM Account", "MALFORMED_QUERY"),
        ("SELECT TYPEOF Nobody WHEN User THEN Email END FROM Lead", "INVALID_FIELD"),
        ("SELECT TYPEOF Owner WHEN Account THEN Name END FROM Lead", "INVALID_TYPE"),
        ("SELECT TYPEOF Owner WHEN User THEN Nope END FROM Lead", "INVALID_FIELD"),
        ("SELECT TYPEOF Owner WHEN User THEN Email FROM Lead", "MALFORMED_QUERY"),
        ("SELECT TYPEOF Owner ELSE Name END FROM Lead", "MALFORMED_QUERY"),
        ("SELECT COUNT(Id), TYPEOF Owner WHEN User THEN Name END FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE TYPEOF Owner WHEN User THEN Name END", "MALFORMED_QUERY"),
    ],
)
def test_a_typeof_that_means_nothing_is_refused(org, soql, code):
    status, answer = org.call("GET", "/query", q=soql)
    assert (status, answer[0]["errorCode"]) == (400, code)


def test_an_owner_that_may_be_a_queue_is_described_so(org):
    fields = {
        name: {
            one["name"]: one for one in org.call("GET", f"/sobjects/{name}/describe")[1]["fields"]
        }
        for name in ("Lead", "Account", "PRM_Registration__c")
    }
    owners = {name: fields[name]["OwnerId"] for name in fields}
    assert owners["Lead"]["referenceTo"] == ["Group", "User"]
    assert [one["polymorphicForeignKey"] for one in owners.values()] == [True, False, True]


@pytest.mark.parametrize("name", ["OldValue", "NewValue"])
def test_nothing_is_filtered_by_the_values_of_a_field_history(org, name):
    query = f"SELECT Id FROM OpportunityFieldHistory WHERE {name} = '1'"
    status, (error,) = org.call("GET", "/query", q=query)
    assert (status, error["errorCode"]) == (400, "INVALID_FIELD")
    assert f"field '{name}' can not be filtered" in error["message"]


def test_changes_of_tracked_fields_are_told_with_both_values(new_org):
    org = new_org(OrgSettings(tracked_fields=("Amount", "CloseDate")))
    deal = org.opportunity(Amount=100)
    org.call("PATCH", f"/sobjects/Opportunity/{deal}", {"Amount": 150, "NextStep": "call"})
    org.call("PATCH", f"/sobjects/Opportunity/{deal}", {"CloseDate": "2026-07-31"})
    rows = org.query("SELECT Field, OldValue, NewValue FROM OpportunityFieldHistory ORDER BY Id")
    assert [tuple(row[name] for name in ("Field", "OldValue", "NewValue")) for row in rows] == [
        ("Amount", 100, 150),
        ("CloseDate", "2026-06-30", "2026-07-31"),
    ]
