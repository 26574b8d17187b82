"""The record of five papers: every printed number, the models behind the rows, cost audit, computed findings."""
