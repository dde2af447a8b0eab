import pytest

from prmsync.program.names import company_key, country_key, duns_key, registrable_domain


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Acme Inc", "acme"),
        ("ACME Incorporated", "acme"),
        ("Acme, Inc.", "acme"),
        ("Globex Corp.", "globex"),
        ("Müller & Söhne GmbH & Co. KG", "muller sohne"),
        ("Nestlé S.A.", "nestle"),
        ("Kowalski sp. z o.o.", "kowalski"),
        ("Rossi S.p.A.", "rossi"),
        ("O'Neill Ltd", "oneill"),
        ("Straße AG", "strasse"),
        ("AG", "ag"),
        ("Delta Air Lines", "delta air lines"),
        ("日本電気", "日本電気"),
        ("  ", None),
        (None, None),
    ],
)
def test_names_lose_marks_case_and_legal_form(name: str | None, key: str | None) -> None:
    assert company_key(name) == key


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.com", "acme.com"),
        ("www.acme.com", "acme.com"),
        ("https://shop.acme.co.uk:8443/a?b=c", "acme.co.uk"),
        ("Buyer@Mail.ACME.com", "acme.com"),
        ("www.northwind.example", "northwind.example"),
        ("acme.github.io", "acme.github.io"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de"),
        ("acme.com.", "acme.com"),
        ("gmail.com", None),
        ("someone@web.de", None),
        ("co.uk", None),
        ("localhost", None),
        ("10.0.0.1", None),
        ("not a domain.com", None),
        ("", None),
        (None, None),
    ],
)
def test_domains_reduce_to_the_registrable_domain(text: str | None, domain: str | None) -> None:
    assert registrable_domain(text) == domain


@pytest.mark.parametrize(
    ("duns", "key"),
    [("15-048-3782", "150483782"), ("12345", None), ("000000000", None), (None, None)],
)
def test_a_duns_number_has_nine_digits(duns: str | None, key: str | None) -> None:
    assert duns_key(duns) == key


@pytest.mark.parametrize(
    ("country", "key"), [("de", "DE"), ("UK", "GB"), ("Germany", None), (None, None)]
)
def test_only_country_codes_are_evidence(country: str | None, key: str | None) -> None:
    assert country_key(country) == key
