"""The tables and figures of the five papers, in the papers' own layout, from the published record alone."""
