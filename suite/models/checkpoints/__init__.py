"""Checkpoints of other codebases: their tensors under our names."""
