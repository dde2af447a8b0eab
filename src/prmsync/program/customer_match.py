"""When two records mean the same end customer, and why.

Order of evidence: registrable domain (countries must not contradict), DUNS, exact normalised name
with country (domains must not contradict). A name alone is no evidence here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prmsync.domain.conflict import Evidence
from prmsync.domain.customer import Customer
from prmsync.program.names import company_key, country_key, duns_key, registrable_domain

DOMAIN_SCORE = 100
DUNS_SCORE = 100
NAME_COUNTRY_SCORE = 90


class CustomerKeys(NamedTuple):
    """A customer in comparable form; None where nothing is known."""

    domain: str | None
    duns: str | None
    name: str | None
    country: str | None

    def index_keys(self) -> Iterator[tuple[tuple[str, ...], str | None]]:
        """Keys under which the record is found, each with the facet that must not contradict."""
        if self.domain:
            yield ("domain", self.domain), self.country
        if self.duns:
            yield ("duns", self.duns), None
        if self.name and self.country:
            yield ("name", self.name, self.country), self.domain


def customer_keys(customer: Customer) -> CustomerKeys:
    """What a customer is recognised by; a key that its data do not give is None."""
    return CustomerKeys(
        registrable_domain(customer.domain),
        duns_key(customer.duns),
        company_key(customer.name),
        country_key(customer.country),
    )


def agree(a: str | None, b: str | None) -> bool:
    """Whether two facets do not contradict: equal, or one of them unknown."""
    return a is None or b is None or a == b


def evidence(a: CustomerKeys, b: CustomerKeys) -> tuple[Evidence, ...]:
    """Every reason to believe that both are one customer; empty when there is none."""
    found = []
    if a.domain and a.domain == b.domain and agree(a.country, b.country):
        found.append(Evidence("domain", a.domain, DOMAIN_SCORE))
    if a.duns and a.duns == b.duns:
        found.append(Evidence("DUNS", a.duns, DUNS_SCORE))
    named = a.name and a.country and (a.name, a.country) == (b.name, b.country)
    if named and agree(a.domain, b.domain):
        found.append(Evidence("name and country", f"{a.name}, {a.country}", NAME_COUNTRY_SCORE))
    return tuple(found)
