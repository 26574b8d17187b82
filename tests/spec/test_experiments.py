"""Grids and protocols are found by name, by place, and in the user's folder as well as in the shipped one."""

import shutil

import pytest

from suite.spec import BadInput, find_grid, find_protocol, grid_files, load_grid, load_protocol, protocol_files
from suite.spec.experiments import NOT_GRIDS, shipped
from suite.sweep.plan import Selection, make_plan

SHIPPED = shipped("experiments")
TEXT = "protocol: smoke\ndata: calib_order\nmodels: [tsn-resnet18]\nchain: {frames: [8]}\n"
EARLIER_NAMES = """
    arc_ablation arc_attention arc_compatibility arc_diving48 arc_kinetics arc_stages arc_steps calibration
    cstransformer_components cstransformer_frames cstransformer_frames_16 cstransformer_frames_32
    cstransformer_positions cstransformer_ratios cstransformer_variants demo frames gta_backbones gta_backbones_3d
    gta_components gta_frames gta_groups gta_kinetics gta_kinetics_2d gta_places mini_kinetics mini_mit mini_ssv2
    pretraining rcca_against_nonlocal rcca_channels rcca_mfnet rcca_positions rcca_repeats rcca_structures sota
    sota_kinetics sota_slowfast sota_slowfast_ssv2 sota_ssv2 sota_uniform table5_aggregation
    table5_aggregation_kinetics table6_locations table6_locations_kinetics
""".split()  # of the version in which all grids lay in one folder; results of that time lie under these names


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's folder, in an otherwise empty working directory; gives a function that writes a file into it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()

    def write(name, text=TEXT):
        path = tmp_path / "experiments" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        return path

    return write


def test_grids_of_earlier_versions_keep_their_names_and_so_their_results_folders():
    assert set(EARLIER_NAMES) <= set(grid_files())
    assert {load_grid(name).name for name in EARLIER_NAMES} == set(EARLIER_NAMES)


@pytest.mark.parametrize("name", ["arc/steps", "arc_steps", "steps", f"{SHIPPED}/arc/steps.yaml"])
def test_every_way_to_ask_for_a_grid_leads_to_one_results_folder(name, tmp_path):
    assert make_plan(name, Selection(), tmp_path, costs=False).folder == tmp_path / "arc_steps"


@pytest.mark.slow
def test_every_grid_is_found_by_its_name_and_by_its_place_and_is_the_same():
    for name, file in grid_files().items():
        place = file.relative_to(SHIPPED).with_suffix("").as_posix()
        assert find_grid(name) == find_grid(place) == file
        assert load_grid(place).name == name


def test_a_stem_that_several_grids_have_is_ambiguous_and_names_them():
    with pytest.raises(BadInput, match=r"ambiguous: cstransformer/components, gta/components\."):
        load_grid("components")
    assert load_grid("frames").name == "frames", "a grid of that very name comes before stems in folders"


@pytest.mark.parametrize("name", ["arc_step", "arc/step", "stepss", "acr_steps"])
def test_the_error_for_an_unknown_grid_gives_the_nearest(name):
    with pytest.raises(BadInput, match="arc_steps") as caught:
        load_grid(name)
    assert "cstransformer" not in str(caught.value)


def test_an_unknown_grid_of_a_known_folder_gives_the_grids_of_that_folder():
    words = r"the grids of that folder are .*deep_analysis/fig8_views, .*deep_analysis/sota"
    with pytest.raises(BadInput, match=words):
        find_grid("deep_analysis/table8")


@pytest.mark.parametrize("name", ["", ".", "..", "/", "protocols/smoke", "smoke", "../experiments/demo", "arc"])
def test_what_is_no_grid_is_not_found(name):
    with pytest.raises(BadInput, match="Unknown grid"):
        load_grid(name)


def test_a_name_that_is_one_grids_name_and_anothers_file_is_ambiguous(own):
    own("demo.yaml", "name: other\n" + (SHIPPED / "demo.yaml").read_text().replace("name: demo", ""))
    with pytest.raises(BadInput, match=r"demo\.yaml has name: other"):
        load_grid("demo")
    assert load_grid("other").name == "other"


def test_files_of_protocols_and_data_sets_are_no_grids(own):
    for folder in NOT_GRIDS:
        own(f"{folder}/mine.yaml")
    assert "mine" not in "".join(grid_files())


def test_the_users_grids_and_protocols_add_to_the_shipped_ones(own):
    before = set(grid_files())
    own("mine.yaml")
    own("paper/steps.yaml")
    own("protocols/quick.yaml", (SHIPPED / "protocols" / "smoke.yaml").read_text())
    assert set(grid_files()) == before | {"mine", "paper_steps"}
    assert load_grid("mine").data == ("calib_order",)
    assert load_protocol("quick").epochs == load_protocol("smoke").epochs
    assert load_grid("demo").title == "Which models use the order of frames?"
    with pytest.raises(BadInput, match="ambiguous: arc/steps, paper/steps"):
        load_grid("steps")


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("demo.yaml", ["demo"]),
        ("arc/steps.yaml", ["arc_steps", "arc/steps", "steps"]),
        ("arc_steps.yaml", ["arc_steps", "arc/steps", "steps"]),
        ("mine.yaml", ["mine", "sota", "deep_analysis/sota"]),  # which says in its text that its name is sota
    ],
)
def test_of_two_grids_with_one_name_the_users_counts(own, file, names):
    path = own(file, ("name: sota\n" if file == "mine.yaml" else "") + TEXT)
    assert [find_grid(name) for name in names] == [path] * len(names)


def test_of_two_protocols_with_one_name_the_users_counts(own):
    text = (SHIPPED / "protocols" / "smoke.yaml").read_text()
    path = own("protocols/smoke.yaml", text.replace("source:", "source: mine,", 1))
    assert find_protocol("smoke") == path
    assert "mine" in load_protocol("smoke").source
    assert len(protocol_files()) == len(list((SHIPPED / "protocols").glob("*.yaml")))


@pytest.mark.parametrize("text", ["[", "name: [\n", "name: 3\n", "name: !!timestamp ''\n", "- name\n", "\x00name"])
def test_a_damaged_grid_of_the_users_hides_no_other(own, text):
    own("mine.yaml", text)
    assert load_grid("demo").name == "demo"
    with pytest.raises(BadInput):
        load_grid("mine")


def test_a_checkout_does_not_list_its_grids_twice(monkeypatch, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "experiments")
    monkeypatch.chdir(tmp_path)
    assert all(path.is_relative_to(tmp_path) for path in grid_files().values()), "the copy is the user's"
    monkeypatch.chdir(SHIPPED.parent)
    grids = [file for file in SHIPPED.rglob("*.yaml") if file.parent.name != "protocols"]
    assert len(grid_files()) == len(grids) >= len(EARLIER_NAMES)
