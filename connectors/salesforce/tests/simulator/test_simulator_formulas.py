from __future__ import annotations

from datetime import UTC, datetime

import pytest

from prmsync_salesforce.simulator.formulas.parse import BadFormula, Names, parse_formula

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = {"Amount": 1200.0, "StageName": "Closed Won", "Name": "Deal", "CloseDate": "2026-03-11"}
ROW |= {"Lines__c": "a;b", "IsWon": True}
BLANK = ("NextStep", "Discount__c")


def value(text, row=ROW, old=None):
    def getter(path):
        if path not in (*ROW, *BLANK):
            raise LookupError(path)
        return lambda record: record.get(path)

    return parse_formula(text, Names(getter, lambda: NOW))(row, old)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Amount * 2 + 1", 2401.0),
        ("-Amount / 0", None),
        ("(Amount - 200) / 10 > 99.5", True),
        ("Amount >= 1200 && !(Name = 'x')", True),
        ("ISBLANK(NextStep) || Amount = 0", True),
        ("Discount__c + 1", 1.0),
        ("ISPICKVAL(StageName, 'Closed Won')", True),
        ('IF(IsWon, "won: " & Name, "open")', "won: Deal"),
        ("CASE(StageName, 'A', 1, 'Closed Won', 2, 0)", 2.0),
        ("AND(CONTAINS(Name, 'ea'), BEGINS(Name, 'D'), NOT(IsWon = FALSE))", True),
        ("LEFT(Name, 2) + RIGHT(Name, 1) & TEXT(Amount)", "Del1200"),
        ("MID(Name, 2, 2)", "ea"),
        ("CloseDate - TODAY()", 10.0),
        ("TODAY() + 10 = CloseDate", True),
        ("YEAR(CloseDate) * 100 + MONTH(CloseDate)", 202603.0),
        ("INCLUDES(Lines__c, 'b')", True),
        ("BLANKVALUE(NextStep, 'none')", "none"),
        ("REGEX(Name, '[A-Z][a-z]+')", True),
        ("MAX(1, Amount, 3) - MIN(4, 2)", 1198.0),
        ("ROUND(10 / 3, 2)", 3.33),
        ("LEN(TRIM(' ab ')) = 2 /* a comment */", True),
        ("ISNEW()", True),
        ("ISCHANGED(Amount)", False),
    ],
)
def test_a_formula_is_worked_out(text, expected):
    assert value(text) == expected


def test_a_formula_compares_with_what_was_there_before():
    old = {**ROW, "Amount": 5.0}
    assert value("ISCHANGED(Amount) && PRIORVALUE(Amount) < 10", old=old) is True
    assert value("ISCHANGED(Name)", old=old) is False
    assert value("ISNEW()", old=old) is False


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Nope__c > 1", "Field Nope__c does not exist"),
        ("SHOUT(Name)", "Unknown function SHOUT"),
        ("IF(IsWon, 1)", "Incorrect number of parameters for function 'IF()'"),
        ("Amount >", "Found 'end'"),
        ("Amount ) 1", "Found ')'"),
        ("Amount # 1", "Found '#'"),
        ("ISCHANGED(1)", "Found '1'"),
    ],
)
def test_a_formula_that_is_not_understood_says_why(text, word):
    with pytest.raises(BadFormula, match=word.replace("(", r"\(").replace(")", r"\)")):
        value(text)


def formula_field(name, kind, text, **more):
    field = {"name": name, "label": name, "type": kind, "calculated": True}
    return {
        **field,
        "createable": False,
        "updateable": False,
        "calculatedFormula": text,
        **more,
    }


@pytest.fixture
def twin(org, new_org):
    """An org whose saved describe has formula fields."""
    deal = org.call("GET", "/sobjects/Opportunity/describe")[1]
    deal["fields"] += [
        formula_field("Double__c", "currency", "Amount * 2", precision=18, scale=2),
        formula_field("Partner_Name__c", "string", 'Account.Name & "!"', length=255),
        formula_field("Strange__c", "string", "DISTANCE(Name)", length=255),
    ]
    return new_org(schema=deal)


def test_formula_fields_follow_their_record_and_its_parents(twin):
    partner = twin.create("Account", Name="Acme")
    made = twin.opportunity(Amount=21, AccountId=partner)
    row = twin.read("Opportunity", made)
    assert (row["Double__c"], row["Partner_Name__c"], row["Strange__c"]) == (42.0, "Acme!", None)
    refused = twin.call("PATCH", f"/sobjects/Opportunity/{made}", {"Double__c": 1})
    assert refused[1][0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    twin.advance(60)
    twin.call("PATCH", f"/sobjects/Account/{partner}", {"Name": "Renamed"})
    after = twin.read("Opportunity", made)
    assert after["Partner_Name__c"] == "Renamed!"
    assert after["SystemModstamp"] == row["SystemModstamp"]
    [found] = twin.query("SELECT Double__c FROM Opportunity WHERE Double__c > 40")
    assert found["Double__c"] == 42.0
