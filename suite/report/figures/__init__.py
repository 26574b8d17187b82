"""Figures as PNG and PDF.  `look` sets colours and markers, `panels` the axes; the other files draw one kind each."""
