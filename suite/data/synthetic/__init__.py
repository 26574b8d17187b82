"""Synthetic calibration data sets: what they contain, how their videos are drawn and encoded, their upper bounds."""

from suite.data.synthetic.generate import encode, split_name, synthesize

__all__ = ["encode", "split_name", "synthesize"]
