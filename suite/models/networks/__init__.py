"""Standalone architectures, one file each, found by their registration (see CONTRIBUTING.md)."""
