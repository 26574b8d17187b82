"""Where the runs of a sweep are placed: processes of this machine."""
