"""Testing networks: predictions of views, fusion, perturbed clips, tests of checkpoints and of finished runs."""
