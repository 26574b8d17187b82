"""Standalone architectures (no module on a backbone), one file each; found by their registration."""
