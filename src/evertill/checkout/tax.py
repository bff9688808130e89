"""
Standard rates of value added tax by the country the goods go to, in basis points.

The shop is taken to be registered where it ships within the UK and the EU (one-stop shop); goods that leave
both are exports at 0. Source: European Commission, "VAT rates applied in the Member States"; HMRC; as of 2026.
"""

_STANDARD_RATE_BP = {
    "GB": 2000, "IM": 2000,
    "AT": 2000, "BE": 2100, "BG": 2000, "CY": 1900, "CZ": 2100, "DE": 1900, "DK": 2500, "EE": 2400, "ES": 2100,
    "FI": 2550, "FR": 2000, "GR": 2400, "HR": 2500, "HU": 2700, "IE": 2300, "IT": 2200, "LT": 2100, "LU": 1700,
    "LV": 2100, "MT": 1800, "NL": 2100, "PL": 2300, "PT": 2300, "RO": 2100, "SE": 2500, "SI": 2200, "SK": 2300,
}  # fmt: skip


def rate_bp(country: str) -> int:
    """The standard rate for goods that go there, in basis points (2000 is 20 %); 0 for exports."""
    return _STANDARD_RATE_BP.get(country, 0)
