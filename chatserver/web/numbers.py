"""Numbers in addresses, `{id:int}`: of as many digits as an id may have. Starlette takes any, also what no database and, past
some thousand digits, not even Python takes: an address that nobody gave out is then a fault of ours in the log, not a 404."""

from __future__ import annotations

from starlette.convertors import IntegerConvertor, register_url_convertor


class Number(IntegerConvertor):
    regex = "[0-9]{1,18}"


def bound() -> None:
    """For all routes that are made from here on."""
    register_url_convertor("int", Number())
