"""Fair comparison of video action recognition models under one protocol.

`suite.models` builds and counts networks, `suite.data` reads videos, `suite.training` trains and evaluates one run,
`suite.sweep` runs a grid of them, `suite.report` turns the results into tables and figures.
"""

__version__ = "0.1.0"
