"""The tables and figures of the five papers, laid out as they are printed, from the published record alone."""
