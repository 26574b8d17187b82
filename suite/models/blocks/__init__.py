"""Add-on blocks (`+nl`, `+rcca`, `+arc`, ...), one file each, found by their registration (see CONTRIBUTING.md)."""
