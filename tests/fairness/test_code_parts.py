"""Which code trained and which tested two runs, in the ledger."""

from suite.fairness.code_parts import CodeParts, code_factor, differing
from suite.fairness.factors import FACTORS, agree, judge
from suite.fairness.ledger import mark
from suite.fairness.run_factors import of_run
from suite.store.code import code_digests
from tests.builders import RESULT, factors, spec

BEFORE = {name: code_digests(name) for name in ("tsn-resnet18", "tam-resnet18", "slowfast-resnet50")}
KINDS = ("code_train", "code_test")


def of(model="tsn-resnet18", *sessions):
    return of_run(spec(model, tuning=0), (), RESULT, {"sessions": [{"device": "cpu", **s} for s in sessions]})


def states(a, b):
    return [agree(a[kind], b[kind]) for kind in KINDS]


def test_runs_of_the_same_code_agree_whatever_their_model_and_others_do_not():
    tsn, tam = BEFORE["tsn-resnet18"], BEFORE["tam-resnet18"]
    assert states(of("tsn-resnet18", tsn), of("tam-resnet18", tam)) == [True, True]
    other = {**tam, "code_train": tam["code_train"] | {"training": "x"}}
    assert states(of("tsn-resnet18", tsn), of("tam-resnet18", other)) == [False, True]
    verdict = judge(of("tsn-resnet18", tsn), of("tam-resnet18", other))
    found = {d.field: differing(d.a, d.b) for d in verdict.confounds}
    assert found == {"code_train": ({"training": tsn["code_train"]["training"]}, {"training": "x"})}
    changed_module = {**tam, "code_test": tam["code_test"] | {"temporal/tam": "x"}}
    assert states(of("tam-resnet18", tam), of("tam-resnet18", changed_module)) == [True, False]


def test_runs_of_before_there_were_two_digests_are_known_among_themselves_alone():
    tsn = BEFORE["tsn-resnet18"]
    old = [{"code": "c", "code_sha256": sha} for sha in ("1", "2")]
    assert states(of("tsn-resnet18", old[0]), of("tam-resnet18", old[0])) == [True, True]
    assert states(of("tsn-resnet18", old[0]), of("tam-resnet18", old[1])) == [False, False]
    for pair in ((old[0], tsn), (tsn, old[0])):
        a, b = (of("tsn-resnet18", one) for one in pair)
        assert states(a, b) == [None, None]
        assert None in differing(a["code_test"], b["code_test"])
    assert states(of("tsn-resnet18"), of("tsn-resnet18")) == [None, None]
    assert code_factor([tsn, old[0]], "code_train") is None  # resumed by a version that did not record it


def test_a_run_of_two_sessions_was_trained_by_both_and_tested_by_the_last():
    tsn = BEFORE["tsn-resnet18"]
    first = {kind: tsn[kind] | {"training": "x"} for kind in KINDS}
    assert states(of("tsn-resnet18", tsn), of("tsn-resnet18", first, tsn)) == [False, True]
    assert states(of("tsn-resnet18", first), of("tsn-resnet18", first, tsn)) == [False, False]


def test_one_run_of_other_code_is_a_minor_difference_and_models_of_their_own_are_none():
    import pandas as pd

    models = ["tsn-resnet18", "tam-resnet18", "slowfast-resnet50"]
    as_now = [of(model, BEFORE[model]) for model in models]
    odd = of(models[0], {kind: BEFORE[models[0]][kind] | {"data": "x"} for kind in KINDS})

    def marks(given):
        stated = [factors() | {kind: found[kind] for kind in KINDS} for found in given]
        return mark(pd.DataFrame({"dataset": "d", "frames": 8, "factors": stated}))

    assert marks(as_now).minor == ""  # their network files differ, the parts that they share do not
    assert marks([odd, *as_now[1:]]).minor == f"{FACTORS['code_train']}, {FACTORS['code_test']}"
    assert marks([odd, *as_now[1:]]).letters == {}
    assert isinstance(as_now[0]["code_train"], CodeParts)
