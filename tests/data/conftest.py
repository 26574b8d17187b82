"""A working directory for data sets of a user."""

import pytest


@pytest.fixture
def user_set(tmp_path, monkeypatch):
    """Writes experiments/datasets/mine.yaml below the working directory; gives the root of the data set `mine`."""
    monkeypatch.delenv("SUITE_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)

    def write(yaml, folder="experiments"):
        file = tmp_path / folder / "datasets" / "mine.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"title: Mine\nsource: recorded here\n{yaml}\n")
        root = tmp_path / "mine"
        root.mkdir(exist_ok=True)
        return root

    return write
