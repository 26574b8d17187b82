"""Backbones: the 2-D networks of the image-classification literature, with named sites and no idea of time."""
