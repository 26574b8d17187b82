"""The figure of all learning-rate curves, and that the one in docs/ is current."""

from pathlib import Path

import pytest
from PIL import Image

from suite.report.figures.learning_rates import STEPS, curves, digest_of, paper_of, write_learning_rates
from suite.spec import load_protocol, protocol_files
from tests.builders import call_suite

SHOWN = Path(__file__).parents[2] / "docs" / "learning_rates.png"


def test_the_figure_in_the_docs_shows_the_curves_of_the_protocols_as_they_are():
    """If this fails: suite figure learning-rates --out docs/learning_rates.png"""
    with Image.open(SHOWN) as picture:
        assert picture.text["Description"] == digest_of(curves())
    assert SHOWN.stat().st_size < 200_000


def test_every_stage_of_every_protocol_has_its_curve():
    found = {(curve["protocol"], curve["stage"]): curve for curve in curves()}
    assert {name for name, _ in found} == set(protocol_files())
    for name in protocol_files():
        protocol = load_protocol(name)
        assert ((name, "later stages") in found) == bool(protocol.chained)
        assert len(found[name, ""]["lr"]) == protocol.epochs * STEPS
        assert max(found[name, ""]["lr"]) == pytest.approx(protocol.lr, rel=0.001)


def test_curves_are_what_the_papers_describe():
    found = {curve["protocol"]: curve["lr"] for curve in curves() if not curve["stage"]}
    steps = found["arc_ssv1"]
    assert [steps[epoch * STEPS] for epoch in (0, 29, 30, 39, 40, 49)] == [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001]
    warm = found["deep_analysis_full"]
    assert warm[34 * STEPS] == 1.6
    assert warm[17 * STEPS] == pytest.approx(0.8, rel=0.01)
    assert warm[115 * STEPS] == pytest.approx(0.8, rel=0.01)  # half of the cosine


def test_a_protocol_belongs_to_the_paper_that_its_source_names():
    assert paper_of(load_protocol("gta_kinetics")) == "gta"
    assert paper_of(load_protocol("smoke")) == "this project"
    assert paper_of(load_protocol("smoke").model_copy(update={"source": "mine"})) == "other protocols"


@pytest.mark.slow
def test_the_figure_is_the_same_bytes_every_time(tmp_path):
    write_learning_rates(tmp_path / "a.png")
    write_learning_rates(tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [(["rates"], "expects learning-rates, not 'rates'"), (["learning-rates", "--out", "x.jpg"], "a PNG file")],
)
def test_what_cannot_be_drawn_is_refused(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        call_suite("figure", *words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
