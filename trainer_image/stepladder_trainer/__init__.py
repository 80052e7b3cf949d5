"""The trainer that a trial's pods run."""
