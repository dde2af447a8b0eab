"""Words that the sample program is made of. Every company and domain is invented."""

from __future__ import annotations

PARTNERS: tuple[tuple[str, str, str, str], ...] = (
    ("Globex Corporation", "US", "reseller", "Platinum"),
    ("Nordlicht Systemhaus GmbH", "DE", "reseller;var", "Platinum"),
    ("Atelier Réseau SAS", "FR", "var", "Platinum"),
    ("Initech Solutions Inc", "US", "msp", "Platinum"),
    ("Tulip Networks BV", "NL", "reseller", "Platinum"),
    ("Meridian Distribution AG", "DE", "distributor", "Gold"),
    ("Bluebonnet Supply Inc", "US", "distributor", "Gold"),
    ("Alpenblick IT GmbH", "AT", "msp", "Gold"),
    ("Sierra Ridge Technology LLC", "US", "reseller", "Gold"),
    ("Castellana Sistemas SL", "ES", "si", "Gold"),
    ("Ponte Vecchio Informatica Srl", "IT", "reseller", "Gold"),
    ("Harbor Point Consulting Inc", "US", "si", "Gold"),
    ("Rheinufer Datentechnik GmbH", "DE", "reseller", "Gold"),
    ("Lac Bleu Services SARL", "FR", "msp", "Gold"),
    ("Cedar Grove Networks Inc", "US", "reseller", "Silver"),
    ("Hanse Digital KG", "DE", "var", "Silver"),
    ("Polder ICT BV", "NL", "msp", "Silver"),
    ("Great Plains Computing LLC", "US", "reseller", "Silver"),
    ("Montmartre Conseil SAS", "FR", "si", "Silver"),
    ("Donau Systeme GmbH", "AT", "reseller", "Silver"),
    ("Lakeshore IT Partners Inc", "US", "msp", "Silver"),
    ("Mistral Sécurité SAS", "FR", "reseller", "Silver"),
    ("Bodensee Netzwerke GmbH", "DE", "reseller", "Silver"),
    ("Granite State Systems Inc", "US", "var", "Silver"),
    ("Levante Tecnologia SL", "ES", "reseller", "Silver"),
    ("Copper Canyon Group Inc", "US", "si", "Silver"),
    ("Adriatica Servizi SpA", "IT", "msp", "Registered"),
    ("Evergreen Cloud LLC", "US", "msp", "Registered"),
    ("Taunus IT Beratung GmbH", "DE", "referral", "Registered"),
    ("Silver Lake Integrators Inc", "US", "si", "Registered"),
    ("Zuiderzee Automatisering BV", "NL", "reseller", "Registered"),
    ("Bayou Business Systems LLC", "US", "reseller", "Registered"),
    ("Pyrénées Informatique SARL", "FR", "reseller", "Registered"),
    ("Fichtel Software AG", "DE", "isv", "Registered"),
    ("Cascade Managed Services Inc", "US", "msp", "Registered"),
    ("Guadalquivir Redes SL", "ES", "reseller", "Registered"),
    ("Prairie Rose Technologies Inc", "US", "reseller", "Registered"),
    ("Dolomiti Reti Srl", "IT", "reseller", "Registered"),
    ("Elbtal Computer GmbH", "DE", "reseller", "Registered"),
    ("Steirer Datenhaus GmbH", "AT", "affiliate", "Registered"),
)
"""Name, country, types, tier."""

CUSTOMER_HEADS = (
    "Aldine Amberg Arden Ashby Aurora Balder Barlow Beacon Birkhof Bramble Brenner Calder Carver "
    "Caspian Clover Corvus Dahlia Dorian Drake Eastmoor Eldorf Ember Falken Fenwick Fjord Garrick "
    "Gleann Grafton Greif Hadley Halden Hawthorn Heron Holm Ibis Iona Jasper Juno Kestrel Kirsch "
    "Lander Larch Linden Lorne Lumen Mallow Marek Merlin Northwind Oakhurst Orion Osprey Palmer "
    "Pelham Quarry Raven Redwing Rowan Sable Selby Sorrel Starling Tarn Thistle Umbra Vale Vesper "
    "Weber Wexford Wren Yarrow Zephyr"
)
CUSTOMER_TAILS = (
    "Foods Logistics Pharma Energy Textiles Insurance Motors Chemicals Optics Airways Timber "
    "Robotics Publishing Hotels Shipping Glass Dairy Instruments Properties Ceramics Aviation "
    "Breweries Cosmetics Packaging"
)
LEGAL_FORMS = {
    "DE": ("GmbH", "AG"),
    "AT": ("GmbH",),
    "FR": ("SAS", "SA"),
    "NL": ("BV",),
    "ES": ("SL", "SA"),
    "IT": ("Srl", "SpA"),
    "US": ("Inc", "LLC", "Corporation"),
}
OTHER_SPELLINGS = {
    "GmbH": "G.m.b.H.",
    "AG": "A.G.",
    "SAS": "S.A.S.",
    "SA": "S.A.",
    "BV": "B.V.",
    "SL": "S.L.",
    "Srl": "S.r.l.",
    "SpA": "S.p.A.",
    "Inc": "Incorporated",
    "LLC": "L.L.C.",
    "Corporation": "Corp.",
    "SARL": "S.A.R.L.",
    "KG": "K.G.",
}
FIRST_NAMES = "Ana Ben Carla Dana Emil Farah Goran Hana Ines Jonas Kaya Liam Mara Nils Olga Paul"
LAST_NAMES = "Adler Brandt Costa Dubois Evans Fischer Garcia Hughes Ivanov Jansen Keller Lopez"
LOSS_REASONS = ("price", "no_decision", "competitor", "no_budget")
