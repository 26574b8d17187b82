"""Tables in Markdown, LaTeX, CSV and HTML.  `formats` renders a `Table`; the other files fill one kind each."""
