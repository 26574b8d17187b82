"""What people look at: tables, figures, a page, and the tracking server.  Reads rows of runs; computes no result."""
