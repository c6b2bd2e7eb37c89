"""A library that is missing and one that is broken are two messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.errors import DataError, InputError
from zoo.utils.libraries import import_library


def test_a_missing_library_is_named_with_the_way_to_install_it() -> None:
    with pytest.raises(DataError, match=r"^here: it needs zoo_absent\.part, which is not installed\nInstall it\.$"):
        import_library("zoo_absent.part", "it", install="Install it.", where="here", refusal=DataError)


@pytest.mark.parametrize("content", ["import zoo_absent", "raise OSError('no such symbol')", "1 / 0"])
def test_a_library_that_fails_to_import_is_not_called_missing(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zoo_broken.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="zoo_broken, which is installed but cannot be imported: ") as refusal:
        import_library("zoo_broken", "it", install="Install it.")
    assert "Install it." not in str(refusal.value)
