"""What commands print to a terminal: lists, comparisons, progress of a sweep.  JSON is printed by the commands."""
