"""Readers of annotation formats, one file per format: from annotation files to items with class and video path."""
