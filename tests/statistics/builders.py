"""Rows and predictions that several tests of the statistics share."""

import numpy as np
import pandas as pd
from scipy import stats


def cost_row(name, top1, gmacs=1.0, *, frames=8, seed=0, dataset="d", **more):
    """A finished run as a row of the summary."""
    module, backbone = name.split("-")[:2]
    row = {"id": f"{name}.f{frames}.s{seed}", "name": name, "dataset": dataset, "module": module, "backbone": backbone}
    row |= {"pooling": "tp" if "-tp" in name else "none", "frames": frames, "seed": seed, "state": "done", "top1": top1}
    return row | {"gmacs": gmacs, "conv_gmacs": gmacs and 0.9 * gmacs, "params": 1e7} | more


def table(*rows):
    return pd.DataFrame(rows)


def runs(rng, top1, videos=1_000, agree=0.7):
    """Outcomes (R, N) of runs with these accuracies in percent, whose mistakes are correlated."""
    latent = np.sqrt(agree) * rng.standard_normal(videos)
    latent = latent + np.sqrt(1 - agree) * rng.standard_normal((len(top1), videos))
    return latent < stats.norm.ppf(np.array(top1) / 100)[:, None]
