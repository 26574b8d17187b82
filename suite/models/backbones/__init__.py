"""Backbones: 2-D networks for image classification that name the sites where temporal layers may be placed."""
