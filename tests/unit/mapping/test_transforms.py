"""Every transform: what it reads and writes, and that a projection settles at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmsync.domain.money import MINOR_UNITS
from prmsync.domain.stage import Stage
from prmsync.domain.values import Scalar
from prmsync.mapping import transforms as t

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
]
PEOPLE = {"ana@ours.example": "005A", "bo@ours.example": "005B", "fall@ours.example": "005F"}
EMAILS = {"005A": "ana@ours.example", "005B": "bo@ours.example", "005F": "fall@ours.example"}
TABLE = {"won": ("Won", "Closed"), "lost": ("Lost",)}
STAGES = {
    "p1": {stage: (stage.value.upper(), f"{stage.value}-old") for stage in Stage},
    "p2": {stage: (f"2-{stage.value}",) for stage in Stage},
}
texts = st.one_of(st.none(), st.text(max_size=40), st.text("\r\n \tab", max_size=12))
days = st.dates(date(1901, 1, 1), date(2200, 1, 1)).map(date.isoformat)
moments = st.integers(-2_000_000_000_000, 7_000_000_000_000).map(
    lambda ms: (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()
)
numbers = st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15
).map(lambda number: format(number, "f"))
domains = st.one_of(
    texts,
    st.builds(
        "{}{}{}.example{}".format,
        st.sampled_from(["", "http://", "HTTPS://", "www.", "https://www.www."]),
        st.text("abc-", min_size=1, max_size=5),
        st.sampled_from(["", ".co", ".."]),
        st.sampled_from(["", "/", "/a?b", ":443", "."]),
    ),
)
CODECS = {
    "text": (t.text_codec(t.canon_text, 20), texts),
    "code": (t.text_codec(t.canon_code, None), texts),
    "domain": (t.text_codec(t.canon_domain, 30), domains),
    "number": (t.number_codec(None), st.one_of(st.none(), numbers)),
    "number at a scale": (t.number_codec(2), st.one_of(st.none(), numbers)),
    "boolean": (
        t.same_both_ways(t.canon_boolean, t.canon_boolean),
        st.sampled_from([None, True, False, "", "true", "No"]),
    ),
    "date": (t.same_both_ways(t.canon_date, t.canon_date), st.one_of(st.none(), days)),
    "datetime": (
        t.same_both_ways(t.canon_datetime, t.canon_datetime),
        st.one_of(st.none(), moments),
    ),
    "day_in_zone": (t.day_codec("Pacific/Auckland"), st.one_of(st.none(), days)),
    "picklist": (t.picklist_codec(TABLE), st.sampled_from([None, "", "won", "lost", " won "])),
    "multi_picklist": (
        t.multi_picklist_codec(TABLE),
        st.sampled_from([None, "", "won", "lost;won", "won;;lost;won"]),
    ),
    "owner": (
        t.owner_codec(PEOPLE, EMAILS, "005F"),
        st.sampled_from([None, *PEOPLE, "ANA@ours.example"]),
    ),
    "reference": (t.same_both_ways(t.same_id, t.same_id), texts),
}


def project(codec: t.Codec, value: Scalar) -> Scalar | t.Untranslatable:
    try:
        return codec.project(value)
    except t.Untranslatable as error:
        return error


@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_a_projection_is_what_a_write_reads_back_as_and_settles_at_once(
    name: str, data: st.DataObject
) -> None:
    codec, values = CODECS[name]
    value = data.draw(values)
    projected = project(codec, value)
    if isinstance(projected, t.Untranslatable):
        return
    assert projected == codec.read(codec.write(value))
    assert codec.project(projected) == projected
    assert projected is None or type(projected) in (str, bool)


@given(numbers, st.sampled_from(sorted(MINOR_UNITS)), st.sampled_from([None, 0, 2, 4]))
def test_money_projects_to_the_scale_of_its_currency_and_settles(
    number: str, currency: str, scale: int | None
) -> None:
    codec = t.MoneyCodec(scale)
    try:
        written = codec.write(number, currency)
    except t.Untranslatable:
        assert scale is not None and scale < MINOR_UNITS[currency]
        return
    assert codec.read(written, currency) == written
    assert codec.write(written, currency) == written
    digits = MINOR_UNITS[currency]
    assert len(str(written).partition(".")[2]) == digits


@pytest.mark.parametrize("zone", ZONES)
@given(day=days)
def test_a_day_comes_back_from_every_zone(zone: str, day: str) -> None:
    # Kiritimati and Pago Pago moved over the date line long ago and have no noon of that one day.
    if zone == "Pacific/Kiritimati" and day in ("1994-12-31", "1995-01-01"):
        return
    codec = t.day_codec(zone)
    written = codec.write(day)
    assert codec.read(written) == day
    shown = datetime.fromisoformat(str(written)).astimezone(ZoneInfo(zone))
    assert shown.hour == 12


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("America/Los_Angeles", "2026-11-23T07:59:59.000Z", "2026-11-22"),
        ("America/Los_Angeles", "2026-11-23T08:00:00.000Z", "2026-11-23"),
        ("Europe/Berlin", "2026-03-28T22:59:59.000Z", "2026-03-28"),
        ("Europe/Berlin", "2026-03-28T23:00:00.000Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T21:59:59.000Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:00:00.000Z", "2026-03-30"),
        ("Pacific/Auckland", "2026-11-22T11:00:00.000Z", "2026-11-23"),
    ],
)
def test_a_moment_is_the_day_that_the_account_shows(zone: str, moment: str, day: str) -> None:
    assert t.day_codec(zone).read(moment) == day


def test_a_day_without_noon_in_its_zone_projects_to_its_neighbour_and_settles() -> None:
    codec = t.day_codec("Pacific/Apia")  # 2011-12-30 did not happen there
    assert codec.project("2011-12-30") == "2011-12-31"
    assert codec.project("2011-12-31") == "2011-12-31"


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("https://www.Acme.com:443/about?x=1", "acme.com"),
        ("WWW.ACME.COM", "acme.com"),
        ("acme.com.", "acme.com"),
        ("info@acme.com", "acme.com"),
        ("  ", None),
        ("https://", None),
    ],
)
def test_domains_lose_what_does_not_count(given_: str, expected: str | None) -> None:
    assert t.canon_domain(given_) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("48000", "EUR", "48000.00"),
        ("48000.00", "JPY", "48000"),
        ("1.0005", "KWD", "1.001"),
        ("1.005", "USD", "1.01"),
        ("-0.004", "USD", "0.00"),
        ("-0.00", "USD", "0.00"),
        ("1E+3", "USD", "1000.00"),
        ("12.5", None, "12.50"),
        (None, "EUR", None),
        ("", "EUR", None),
    ],
)
def test_money_is_read_at_the_scale_of_its_currency(
    amount: str | None, currency: str | None, expected: str | None
) -> None:
    assert t.MoneyCodec(2).read(amount, currency) == expected


def test_money_that_needs_more_places_than_the_crm_field_has_is_refused() -> None:
    with pytest.raises(t.Untranslatable, match="more than 2 decimal places"):
        t.MoneyCodec(2).write("1.234", "KWD")
    assert t.MoneyCodec(2).write("1.230", "KWD") == "1.230"


def test_money_of_an_unknown_currency_is_refused() -> None:
    with pytest.raises(t.Untranslatable, match="ISO 4217"):
        t.MoneyCodec(2).read("1.00", "EURO")


@pytest.mark.parametrize("value", ["abc", "NaN", "Infinity", "1" * 40])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(t.Untranslatable):
        t.number_codec(2).read(value)


def test_a_number_with_more_places_than_the_field_is_not_cut() -> None:
    with pytest.raises(t.Untranslatable, match="more than 1 decimal places"):
        t.number_codec(1).write("33.33")


def test_text_that_is_too_long_is_not_cut_and_not_shown() -> None:
    codec = t.text_codec(t.canon_text, 5)
    assert codec.write(" 12345 ") == "12345"
    with pytest.raises(t.Untranslatable, match="6 characters, the CRM field takes 5") as caught:
        codec.write("secret")
    assert "secret" not in f"{caught.value.message}{caught.value.hint}"
    assert codec.read("secret") == "secret"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, False), ("", False), (True, True), ("TRUE", True), ("no", False)],
)
def test_a_blank_checkbox_is_no(value: Scalar, expected: bool) -> None:
    assert t.canon_boolean(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22T09:14:00.123Z", "2026-11-22T09:14:00.000Z"),
        ("2026-11-22T10:14:00+01:00", "2026-11-22T09:14:00.000Z"),
        ("2026-11-22T09:14:00.000Z", "2026-11-22T09:14:00.000Z"),
    ],
)
def test_moments_are_compared_to_the_second_in_utc(value: str, expected: str) -> None:
    assert t.canon_datetime(value) == expected


@pytest.mark.parametrize("value", ["2026-11-22T09:14:00", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_is_refused(value: str) -> None:
    with pytest.raises(t.Untranslatable):
        t.canon_datetime(value)


def test_picklists_write_the_first_code_and_read_all() -> None:
    codec = t.picklist_codec(TABLE)
    assert codec.write("won") == "Won"
    assert [codec.read("Won"), codec.read("Closed"), codec.read("")] == ["won", "won", None]
    with pytest.raises(t.Untranslatable, match="`Open` cannot be read"):
        codec.read("Open")
    with pytest.raises(t.Untranslatable, match="`open` cannot be written"):
        codec.write("open")


def test_sets_have_no_order_and_no_doubles() -> None:
    codec = t.multi_picklist_codec(TABLE)
    assert codec.read("Won;Lost;Closed") == "lost;won"
    assert codec.write("won;lost") == "Lost;Won"


def test_an_unknown_owner_is_replaced_by_the_fallback_and_told() -> None:
    codec = t.owner_codec(PEOPLE, EMAILS, "005F")
    with pytest.raises(t.Untranslatable) as caught:
        codec.write("gone@ours.example")
    assert caught.value.instead == "005F"
    assert "gone@" not in caught.value.message
    with pytest.raises(t.Untranslatable) as caught:
        codec.read("005X")
    assert caught.value.instead == "fall@ours.example"
    with pytest.raises(t.Untranslatable) as caught:
        codec.project("gone@ours.example")
    assert caught.value.instead == "fall@ours.example"


def test_where_the_crm_leaves_no_owner_blank_its_stand_in_is_our_blank() -> None:
    person = next(iter(EMAILS))
    codec = t.owner_codec(PEOPLE, EMAILS, None, person)
    assert codec.write(None) == person
    assert codec.project(None) == codec.read(person) == EMAILS[person]
    assert codec.read(None) is None


def test_without_a_fallback_an_unknown_owner_has_no_counterpart() -> None:
    codec = t.owner_codec(PEOPLE, EMAILS, None)
    for convert, value in ((codec.write, "gone@ours.example"), (codec.read, "005X")):
        with pytest.raises(t.Untranslatable) as caught:
            convert(value)
        assert caught.value.instead is t.MISSING


@pytest.mark.parametrize("pipeline", STAGES)
@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_is_written_and_reads_back_to_itself(pipeline: str, stage: Stage) -> None:
    codec = t.StageCodec(STAGES, "f.yaml:1:1")
    assert codec.project(stage.value, pipeline) == stage.value
    for label in STAGES[pipeline][stage]:
        assert codec.read(label, pipeline) == stage.value


def test_an_unmapped_stage_or_pipeline_names_the_map() -> None:
    codec = t.StageCodec(STAGES, "f.yaml:1:1")
    with pytest.raises(t.Untranslatable, match="`Odd` is not mapped") as caught:
        codec.read("Odd", "p1")
    assert "f.yaml:1:1" in caught.value.hint
    with pytest.raises(t.Untranslatable, match="pipeline `p9` is not mapped"):
        codec.read("PROSPECT", "p9")
