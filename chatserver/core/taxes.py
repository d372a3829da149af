"""Tax ids, and the identity numbers that people give in their place, by country: RUT, RUC, NIT, RFC, CNPJ, CUIT …

python-stdnum knows their forms and check digits. It is imported by the first question, since a start has no use for it. What
nobody here can check (a country that it does not know, a person's number without a check digit) is kept as typed, with a warning.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Final

import msgspec

TAX_ID_MAX: Final = 32
"""Characters, as typed: the longest one that is known has 18, blanks and dots may stand between."""


class TaxId(msgspec.Struct, frozen=True, gc=False):
    """`number`: normalised where it is `checked`, else as typed. `kind`: what it is called there, empty when nobody knows."""

    number: str
    kind: str = ""
    checked: bool = False


class BadTaxId(ValueError):
    """Not one of its country, whose numbers are known. The argument: what they are called, for a sentence."""


class _Known(msgspec.Struct, frozen=True):
    """Modules of stdnum with the names that people use, in the order in which they are tried; and the numbers of persons
    (digits only) that have no check digit, or none that is published."""

    kinds: tuple[tuple[str, str], ...]
    unchecked: str = ""


_COUNTRIES: Final = {
    "AR": _Known((("ar.cuit", "CUIT"), ("ar.dni", "DNI"))),
    "BR": _Known((("br.cnpj", "CNPJ"), ("br.cpf", "CPF"))),
    "CL": _Known((("cl.rut", "RUT"),)),
    "CO": _Known((("co.nit", "NIT"),), r"\d{6,10}"),  # cédula
    "CR": _Known((("cr.cpj", "Cédula jurídica"), ("cr.cpf", "Cédula física"), ("cr.cr", "DIMEX"))),
    "CU": _Known((("cu.ni", "NI"),)),
    "DO": _Known((("do.rnc", "RNC"), ("do.cedula", "Cédula"))),
    "EC": _Known((("ec.ruc", "RUC"), ("ec.ci", "Cédula"))),
    "ES": _Known((("es.nif", "NIF"),)),
    "GT": _Known((("gt.nit", "NIT"),), r"\d{13}"),  # CUI of the DPI
    "MX": _Known((("mx.rfc", "RFC"), ("mx.curp", "CURP"))),
    "PE": _Known((("pe.ruc", "RUC"), ("pe.cui", "DNI"))),
    "PT": _Known((("pt.nif", "NIF"),)),
    "PY": _Known((("py.ruc", "RUC"),), r"\d{5,8}"),  # cédula
    "SV": _Known((("sv.nit", "NIT"),), r"\d{9}"),  # DUI
    "US": _Known((("us.ein", "EIN"), ("us.tin", "TIN"))),
    "UY": _Known((("uy.rut", "RUT"),), r"\d{6,8}"),  # cédula
    "VE": _Known((("ve.rif", "RIF"),), r"[VE]?\d{6,9}"),  # cédula
}
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
# What such numbers are written with. Anything else is a slip, and need not reach a parser.
_WRITTEN: Final = re.compile(r"[0-9A-Za-zÑñ&./\- ]+")


def is_country(code: str) -> bool:
    """Two capitals, as ISO 3166-1 has them; whether there is such a country is not asked."""
    return bool(_COUNTRY.fullmatch(code))


def names(country: str) -> tuple[str, ...]:
    """What its numbers are called, for a label; none for a country that is not known."""
    known = _COUNTRIES.get(country)
    return tuple(name for _, name in known.kinds) if known else ()


def ready(country: str) -> None:
    """Import what checks ids of this country, which takes some 50 ms the first time: for a thread, ahead of `tax_id`."""
    known = _COUNTRIES.get(country)
    for module, _ in known.kinds if known else ():
        import_module(f"stdnum.{module}")


def tax_id(country: str, text: str) -> TaxId:
    """`text`, of at most TAX_ID_MAX characters, as an id of `country` (`is_country`).

    Raises BadTaxId for what cannot be one of a country that is known. Of others it is kept as typed and not `checked`.
    """
    text = " ".join(text.split())
    known = _COUNTRIES.get(country)
    if known is None:
        return TaxId(text)
    if _WRITTEN.fullmatch(text):
        for module, name in known.kinds:
            number = _validated(module, text)
            if number is not None:
                return TaxId(number, name, checked=True)
        if known.unchecked and re.fullmatch(known.unchecked, re.sub(r"[.\- ]", "", text.upper()), re.ASCII):
            return TaxId(text)
    raise BadTaxId(", ".join(names(country)))


def _validated(module: str, text: str) -> str | None:
    """The number without what only parts its digits; None when it is none of these."""
    from stdnum.exceptions import ValidationError

    validator: Any = import_module(f"stdnum.{module}")
    try:
        return str(validator.validate(text))
    except ValidationError:
        return None
