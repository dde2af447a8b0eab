"""Company names and domains reduced to the forms in which they are compared.

Names: NFKD, marks and case dropped, legal forms removed. Domains: the registrable domain of the
public suffix list that comes with tldextract (no network), private suffixes included, so that two
tenants of one hosting domain stay two customers. Free-mail domains are no evidence.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import tldextract

_LEGAL_FORM_WORDS = (
    "ab ag aps as asa bhd bv bvba co company corp corporation cv doo dd eg ehf ek ev gbr ggmbh "
    "gmbh hf inc incorporated jsc kft kg kgaa kk limited llc llp lp ltd ltda lda mbh nv oao ohg "
    "ood oue ou oy oyj pbc plc pjsc pllc pte pty pvt private pvtltd sa sab sae sal sapi sarl sas "
    "sasu sca scs sdn se sl sla slu snc spa spzoo srl srlu sro uab ug zrt"
)
_LEGAL_FORMS = frozenset(_LEGAL_FORM_WORDS.split())
_LEGAL_TAILS = (("sp", "z", "oo"), ("s", "p", "a"), ("co", "kg"), ("de", "cv"))
_FREE_MAIL_DOMAINS = (
    "126.com 163.com aol.com bigpond.com bluewin.ch bol.com.br btinternet.com comcast.net "
    "fastmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net "
    "googlemail.com hey.com hotmail.co.uk hotmail.com hotmail.de hotmail.fr hotmail.it "
    "icloud.com laposte.net libero.it live.com mac.com mail.com mail.ru me.com msn.com naver.com "
    "orange.fr outlook.com outlook.de outlook.fr posteo.de proton.me protonmail.com qq.com "
    "rediffmail.com rocketmail.com sbcglobal.net seznam.cz sfr.fr t-online.de telia.com "
    "tiscali.it tutanota.com uol.com.br verizon.net virgilio.it wanadoo.fr web.de wp.pl "
    "yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br yahoo.de yahoo.es "
    "yahoo.fr yahoo.it yandex.com yandex.ru ymail.com zoho.com"
)
_FREE_MAIL = frozenset(_FREE_MAIL_DOMAINS.split())
_EXTRACT = tldextract.TLDExtract(
    cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
)
_LETTER_DOT = re.compile(r"(?<![^\W_])([^\W_])\.")
_BREAK = re.compile(r"[\W_]+")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@lru_cache(maxsize=65536)
def company_key(name: str | None) -> str | None:
    """ "ACME Incorporated" → "acme"; a name that is a legal form alone stays as it is."""
    plain = unicodedata.normalize("NFKD", (name or "").casefold())
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark))
    # One-letter parts join, so that "S.A." and "SA" are one legal form.
    words = _BREAK.sub(" ", _LETTER_DOT.sub(r"\1", plain).replace("'", "")).split()
    return " ".join(_without_legal_forms(words)) or None


def _without_legal_forms(words: list[str]) -> list[str]:
    kept = words
    while len(kept) > 1:
        tail = next((t for t in _LEGAL_TAILS if tuple(kept[-len(t) :]) == t), None)
        if tail and len(kept) > len(tail):
            kept = kept[: -len(tail)]
        elif kept[-1] in _LEGAL_FORMS:
            kept = kept[:-1]
        else:
            break
    return kept


@lru_cache(maxsize=65536)
def registrable_domain(text: str | None) -> str | None:
    """ "https://www.acme.co.uk/shop" → "acme.co.uk"; None when it is no domain of a company.

    Takes host names, URLs and e-mail addresses. A top-level domain that the public suffix list
    does not know counts as a suffix of one label, as the list prescribes.
    """
    host = (text or "").strip().lower()
    if not host:
        return None
    found = _EXTRACT(host)
    labels = [label for label in (*found.subdomain.split("."), found.domain) if label]
    if found.suffix:
        domain = f"{found.domain}.{found.suffix}" if found.domain else None
    else:
        domain = ".".join(labels[-2:]) if len(labels) > 1 else None
    domain = _ascii(domain)
    return None if domain is None or domain in _FREE_MAIL else domain


def _ascii(domain: str | None) -> str | None:
    if domain is None:
        return None
    try:
        plain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return plain if all(_LABEL.fullmatch(label) for label in plain.split(".")) else None


def duns_key(duns: str | None) -> str | None:
    """Nine digits; None for anything else, or for nine times the same digit."""
    digits = re.sub(r"[\s-]", "", duns or "")
    real = len(digits) == 9 and digits.isdecimal() and len(set(digits)) > 1
    return digits if real else None


def country_key(country: str | None) -> str | None:
    """ISO 3166 alpha-2 in capitals; None for anything else, which then proves nothing."""
    code = (country or "").strip().upper()
    code = _COUNTRY_ALIASES.get(code, code)
    return code if len(code) == 2 and code.isalpha() else None


_COUNTRY_ALIASES = {"UK": "GB", "USA": "US", "EL": "GR"}
