"""Temporal modules, one file each; a file put here is found by its registration (see CONTRIBUTING.md)."""
