"""Checkpoints of other codebases: which of their tensors belong to which of ours."""
