"""The cost audit as a table."""

from __future__ import annotations

from collections import Counter

from suite.published.cost_audit import Audited
from suite.published.record import COUNTS
from suite.report.tables.rendering.table import Column, Part, Table


def audit_table(found: list[Audited]) -> Table:
    """A row per printed cost, a part per paper: printed, counted in the convention of the paper, ratio, explanation."""
    columns = (
        Column("paper", csv_only=True),
        Column("table", "table", text=True),
        Column("model", "name in the paper", text=True),
        Column("name", "model name", text=True),
        Column("frames", "frames"),
        Column("size", "pixels"),
        Column("classes", "classes"),
        Column("convention", "counting convention of the paper", text=True),
        Column("printed_gflops", "published", "GFLOPs", digits=2),
        Column("gflops", "counted", "GFLOPs", digits=2),
        Column("gflops_ratio", "ratio", "GFLOPs", digits=3),
        Column("printed_params", "published", "parameters (M)", digits=2),
        Column("params", "counted", "parameters (M)", digits=2),
        Column("params_ratio", "ratio", "parameters (M)", digits=3),
        Column("explanation", "explanation", text=True),
    )
    remarks = list(dict.fromkeys(row.remark for row in found if row.remark))
    parts = []
    for paper in dict.fromkeys(row.paper for row in found):
        lines = [
            (
                *(row.paper, row.table, row.model, row.name, row.frames, row.size, row.classes),
                COUNTS.get(row.convention, ""),
                *(row.printed_gflops, row.counted_gflops, row.counted_gflops / row.printed_gflops),
                *(row.printed_params, row.counted_params, row.counted_params / row.printed_params),
                row.explanation + (f" [{remarks.index(row.remark) + 1}]" if row.remark else ""),
            )
            for row in found
            if row.paper == paper
        ]
        parts.append(Part(paper, lines))
    known = "".join(f" [{number}] {text}" for number, text in enumerate(remarks, 1))
    return Table("cost_audit", "Cost audit", f"{summary(found)} {NOTE}{known}", columns, parts)


NOTE = (
    "GFLOPs are counted in the convention and for the number of views of the paper (all multiply-adds where the "
    "convention is unknown). A cost agrees if GFLOPs differ by at most 2 % and parameters by at most 1 %. It is "
    "explained if another counting convention, another input size for all rows of the network in its table, or another "
    "number of classes gives the published value, and unexplained otherwise."
)


def summary(found: list[Audited]) -> str:
    """How many rows agree, are explained, and are not."""
    counts = Counter("agree" if r.agrees else "explained" if r.explained else "unexplained" for r in found)
    return (
        f"Of {len(found)} published costs, {counts['agree']} agree with the counted ones, {counts['explained']} are "
        f"explained and {counts['unexplained']} are unexplained."
    )
