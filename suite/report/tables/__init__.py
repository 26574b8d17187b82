"""Tables in Markdown, LaTeX and CSV."""
