"""The command line, one file per group of commands: reads options, calls the other packages, prints.

No logic lives here, and nothing imports it except `suite.__main__`.  `options` has what several commands share.
"""
