"""Tax ids by country: checked where they can be, kept where they cannot."""

from __future__ import annotations

import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import given

from chatserver.core import taxes
from chatserver.core.taxes import BadTaxId, TaxId, tax_id


@pytest.mark.parametrize(
    ("country", "text", "number", "kind"),
    [
        ("CL", "76.086.428-5", "760864285", "RUT"),
        ("PE", "20512333797", "20512333797", "RUC"),
        ("PE", "4567 8912", "45678912", "DNI"),
        ("EC", "1792060346-001", "1792060346001", "RUC"),
        ("CO", "213.123.432-1", "2131234321", "NIT"),
        ("GT", "576937-K", "576937K", "NIT"),
        ("MX", "GODE 561231 GR8", "GODE561231GR8", "RFC"),
        ("BR", "16.727.230/0001-97", "16727230000197", "CNPJ"),
        ("BR", "390.533.447-05", "39053344705", "CPF"),
        ("AR", "20-05536168-2", "20055361682", "CUIT"),
        ("DO", "1-01-85004-3", "101850043", "RNC"),
        ("VE", "V-11470283-4", "V114702834", "RIF"),
        ("UY", "21-100342-001-7", "211003420017", "RUT"),
        ("PY", "80028061-0", "800280610", "RUC"),
        ("SV", "0614-050707-104-8", "06140507071048", "NIT"),
        ("CR", "3-101-999999", "3101999999", "Cédula jurídica"),
        ("CU", "91021027775", "91021027775", "NI"),
        ("ES", "54362315-K", "54362315K", "NIF"),
        ("PT", "501 964 843", "501964843", "NIF"),
        ("US", "91-1144442", "911144442", "EIN"),
    ],
)
def test_an_id_of_a_known_country_is_checked_and_kept_in_one_spelling(
    country: str, text: str, number: str, kind: str
) -> None:
    assert tax_id(country, text) == TaxId(number, kind, checked=True)


@pytest.mark.parametrize(
    ("country", "text"),
    [
        *(
            ("BO", "1023275028"),
            ("HN", "08011985123960"),
            ("PA", "8-442-445 DV 78"),
            ("NI", "J0310000000011"),
        ),
        *(("CO", "1.020.304.050"), ("VE", "V-11470283"), ("UY", "3.456.789-0"), ("GT", "1234 56789 0101")),
    ],
)
def test_what_nobody_here_can_check_is_kept_as_typed(country: str, text: str) -> None:
    assert tax_id(country, f" {text} ") == TaxId(text)


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("CL", "76.086.428-4"),
        ("BR", "111"),
        ("MX", "no tengo"),
        ("AR", "x" * 32),
        ("PE", "２０５１２３３３７９７"),
        ("CO", "12"),
    ],
)
def test_a_slip_in_a_known_country_is_refused(country: str, text: str) -> None:
    with pytest.raises(BadTaxId):
        tax_id(country, text)


def test_every_module_that_is_named_is_there() -> None:
    for country, known in taxes._COUNTRIES.items():
        assert taxes.is_country(country)
        assert taxes.names(country)
        for module, _ in known.kinds:
            taxes._validated(module, "1")
        taxes.ready(country)
    taxes.ready("BO")


@given(country=st.sampled_from(sorted(taxes._COUNTRIES)), text=st.text(max_size=taxes.TAX_ID_MAX))
def test_nothing_that_is_typed_breaks_a_check(country: str, text: str) -> None:
    try:
        assert tax_id(country, text).number
    except BadTaxId:
        pass
    except AssertionError:
        assert not text.split()


@given(
    country=st.sampled_from(sorted(taxes._COUNTRIES)),
    text=st.text("0123456789-./ KkVJGPñÑ&ABC", max_size=20),
)
def test_nothing_like_an_id_breaks_a_check(country: str, text: str) -> None:
    test_nothing_that_is_typed_breaks_a_check.hypothesis.inner_test(country, text)  # type: ignore[attr-defined]


def test_the_library_is_not_imported_before_somebody_asks() -> None:
    code = (
        "import sys, chatserver.core.answers; assert not [m for m in sys.modules if m.startswith('stdnum')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
