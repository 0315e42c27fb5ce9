"""The places: their names and order come from the catalogue, and a faulty entry is one sentence."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from embodied.errors import UsageError
from embodied.tasks import labels
from embodied.world import catalogue, facts
from embodied.world.kitchen import Kitchen

ASSETS = Path(__file__).parents[2] / "sim_assets"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of places in a copy of the catalogue that is read in place of it."""
    for name in ("objects.yaml", "places.yaml"):
        shutil.copy(ASSETS / name, tmp_path)
    monkeypatch.setattr(catalogue, "files", lambda package: tmp_path)
    catalogue.places.cache_clear()
    yield tmp_path / "places.yaml"
    catalogue.places.cache_clear()


def test_names_keep_the_order_that_labels_and_seeds_depend_on() -> None:
    assert facts.SURFACES == ("close counter", "far counter", "table")
    assert facts.PLACES == ("close counter", "far counter", "table", "trash", "user")
    assert (*facts.PLACES, "drawer") == facts.WHEREABOUTS
    assert labels.PLACE_TARGETS == ("close counter", "far counter", "table", "trash")


def test_another_surface_comes_behind_the_others(places: Path) -> None:
    places.write_text(places.read_text() + "  shelf: {kind: surface, description: a shelf}\n")
    assert catalogue.places_of("surface") == (*facts.SURFACES, "shelf")


@pytest.mark.parametrize("kind", ["tray", "drawer"])
def test_a_second_tray_or_drawer_is_refused(places: Path, kind: str) -> None:
    places.write_text(places.read_text() + f"  chest: {{kind: {kind}, description: a chest}}\n")
    with pytest.raises(UsageError, match=f"one place of kind {kind}"):
        catalogue.places()


def test_a_place_without_a_site_is_refused_by_name(places: Path) -> None:
    places.write_text(places.read_text() + "  shelf: {kind: surface, description: a shelf}\n")
    with pytest.raises(UsageError, match="no site 'place/shelf'"):
        Kitchen([])


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("  shelf: {kind: surface", r"places.yaml, line \d+: this is not valid YAML"),
        ("  shelf: {kind: cupboard, description: x}", "'shelf' has a faulty 'kind'.*'cupboard'"),
        ("  table: {kind: surface, description: x}", r"line \d+: .*the key 'table' stands twice"),
        ("  shelf: surface", "'shelf' needs its fields in braces; got 'surface'"),
        ("  Top Shelf: {kind: surface, description: x}", "nothing can be called 'Top Shelf'"),
        ("  done: {kind: surface, description: x}", "nothing can be called 'done'"),
        ("  on: {kind: surface, description: x}", "nothing can be called 'True'"),
    ],
)
def test_a_faulty_entry_is_one_sentence(places: Path, entry: str, says: str) -> None:
    places.write_text(places.read_text() + entry + "\n")
    with pytest.raises(UsageError, match=says) as caught:
        catalogue.places()
    assert "\n" not in str(caught.value)


def test_a_file_without_its_entries_is_refused(places: Path) -> None:
    places.write_text("- shelf\n")
    with pytest.raises(UsageError, match="places.yaml needs 'places:'"):
        catalogue.places()
