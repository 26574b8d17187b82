"""Temporal modules, one file each, found by their registration (see CONTRIBUTING.md)."""
