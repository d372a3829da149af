"""The console's language is chosen where one would look for it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser


def test_the_language_is_chosen_from_the_rail(stage: Stage) -> None:
    ana = stage.agent()
    ana.button("Idioma").click()
    ana.page.get_by_role("dialog", name="Idioma").get_by_role("combobox").select_option("Português")
    expect(ana.page.get_by_role("dialog", name="Idioma")).to_be_visible()
    ana.page.keyboard.press("Escape")
    expect(ana.page.get_by_role("radio", name="Disponível")).to_be_attached()
    ana.page.reload()
    expect(ana.page.get_by_role("radio", name="Disponível")).to_be_attached()
