"""A table as data, and what is made of it: Markdown, LaTeX, CSV and HTML, with the printing of cells."""
