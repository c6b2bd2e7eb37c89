"""A folder is listed with what it holds at any depth, without what systems leave behind."""

from __future__ import annotations

from pathlib import Path

from zoo.formats.folder_listing import files_below, list_folder


def build(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_images_are_known_by_their_suffix_in_any_case(tmp_path):
    build(tmp_path, "b.PNG", "a.jpeg", "notes.txt", "cat/c.gif", ".hidden.png", "Thumbs.db", "__MACOSX/d.png")
    listing = list_folder(tmp_path)
    assert listing.folders == [tmp_path / "cat"]
    assert listing.images == [str(tmp_path / "a.jpeg"), str(tmp_path / "b.PNG")]
    assert listing.others == [str(tmp_path / "notes.txt")]


def test_files_are_found_at_any_depth_and_a_link_to_a_parent_is_not_followed(tmp_path):
    build(tmp_path, "a/b/c.png", "a/d.txt", "e.bmp")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    images, others = files_below(tmp_path)
    assert images == [str(tmp_path / "a/b/c.png"), str(tmp_path / "e.bmp")]
    assert others == [str(tmp_path / "a/d.txt")]
