"""`make chaos`: a sweep that is killed again and again must give the files of one that was left alone.

__main__     the command line, and the rounds: kill until a sweep is done, compare, begin another
kills        the kinds of kills: which process, and when
drivers      the sweeps under attack: start, state on disk, end, comparison
processes    who is who among the processes of a sweep, from /proc
hold/        a sitecustomize that child processes import: it slows down chosen writes, so that a kill can hit them
"""
