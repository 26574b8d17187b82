"""Names of data sets in tables, figures and pages; names of models are those of `suite.spec.display_names`."""

from __future__ import annotations

from suite.spec import BadInput


def dataset_title(name: str) -> str:
    """The title of a data set; an unknown name is unchanged."""
    from suite.data.dataset_info import info

    try:
        return info(name).title
    except BadInput:
        return name
