"""Every view of widget and console: no violation that axe can find, light and dark, and nothing cut off at 320 px."""

from __future__ import annotations

import pytest

from tests.harness.looks import axe_finds, cut_off
from tests.harness.preparing import chats_at_once, closed_for_good
from tests.harness.settings import with_settings
from tests.harness.tour import TOUR_SETTINGS, out_of_hours, tour
from tests.harness.tour_forms import with_files, with_forms
from tests.journeys.conftest import Stage

pytestmark = pytest.mark.browser


@with_settings(**TOUR_SETTINGS)
def test_axe_finds_nothing_in_any_view_light_or_dark_and_they_fit_320_pixels(stage: Stage) -> None:
    chats_at_once(stage.server, 1)
    found = [line for view in tour(stage) for line in axe_finds(view) + cut_off(view)]
    stage.expects_interruptions()
    closed_for_good(stage.server)
    found += [line for view in out_of_hours(stage) for line in axe_finds(view) + cut_off(view)]
    assert not found, "\n".join(found)


def test_axe_finds_nothing_where_files_and_forms_are_and_they_fit_320_pixels(stage: Stage) -> None:
    found = [line for view in with_files(stage) for line in axe_finds(view) + cut_off(view)]
    stage.expects_interruptions()
    closed_for_good(stage.server)
    found += [line for view in with_forms(stage) for line in axe_finds(view) + cut_off(view)]
    assert not found, "\n".join(found)
