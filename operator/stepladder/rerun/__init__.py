"""`stepladder rerun`: a trial once more, and whether it comes out the same."""
