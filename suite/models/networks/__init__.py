"""Whole networks that are no module on a backbone, one file each; found by their registration."""
