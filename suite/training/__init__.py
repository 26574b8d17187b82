"""One run: its stages from spec to result, one plain loop, evaluation."""
