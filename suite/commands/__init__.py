"""The commands of the command line, by subject; they join the parts of the suite and hold no logic of their own."""
