"""The page, and files that are the same bytes whatever the order of the rows."""

import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

from suite.spec import BadInput
from tests.builders import summary_row
from tests.from_rows import write_figures, write_page, write_pareto, write_tables


@pytest.mark.slow
def test_writing_twice_gives_the_same_bytes_whatever_the_order_of_the_rows(tmp_path, rows):
    rows = pd.concat(
        [rows, pd.DataFrame([summary_row("i3d", 70.0, pooling="tp"), summary_row("i3d", 85.0, frames=16)])]
    )
    once = write_tables(rows, tmp_path / "a") + write_figures(rows, tmp_path / "a") + write_pareto(rows, tmp_path / "a")
    once.append(write_page("Demo", rows, tmp_path / "a"))
    rows = rows.sample(frac=1, random_state=1)
    twice = (
        write_tables(rows, tmp_path / "b") + write_figures(rows, tmp_path / "b") + write_pareto(rows, tmp_path / "b")
    )
    twice.append(write_page("Demo", rows, tmp_path / "b"))
    assert len(once) == 3 * 8 + 2 * 4 + 1
    for one, other in zip(once, twice, strict=True):
        assert one.relative_to(tmp_path / "a") == other.relative_to(tmp_path / "b")
        assert one.read_bytes() == other.read_bytes(), one.name


class Page(HTMLParser):
    """Tags that are open, and every attribute that could reach the network."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.slow
def test_the_page_is_one_file_without_scripts_or_network(tmp_path, rows):
    rows.loc[3, "state"] = "failed"
    write_figures(rows, tmp_path)
    clocks = pd.DataFrame({"id": ["a<b"], "seconds": [3.25]})
    errors = {rows["id"][3]: "CUDA <out> of memory\nsecond line"}
    path = write_page("Demo & <grid>", rows, tmp_path, clocks, errors=errors)
    text = path.read_text()
    page = Page(text)
    assert path == tmp_path / "report.html"
    assert page.open == []
    assert "script" not in page.tags
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "url(" not in text
    assert "Demo &amp; &lt;grid&gt;" in text
    assert "3 done, 1 failed" in text
    assert "CUDA &lt;out&gt; of memory" in text
    assert "second line" not in text
    assert "a&lt;b" in text
    assert "prefers-color-scheme" in text


def test_an_unknown_table_is_a_sentence_and_a_grid_without_results_has_a_page(tmp_path, rows):
    with pytest.raises(BadInput, match="did you mean 'accuracy'"):
        write_tables(rows, tmp_path, ["acuracy"])
    todo = rows.assign(state="todo", top1=None)
    assert write_tables(todo, tmp_path) == []
    assert "4 todo" in write_page("Demo", todo, tmp_path).read_text()


@pytest.mark.slow
def test_importing_the_report_loads_neither_pandas_nor_matplotlib_nor_mlflow():
    code = "import sys, suite.report.page, suite.report.tracking, suite.published.references; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "matplotlib", "mlflow", "scipy", "torch"} & set(loaded)
