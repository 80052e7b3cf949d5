"""The trainer that a trial's pods run, and the SDK for other people's training code.

The package's root imports nothing: `python -m stepladder_trainer` must be able to refuse a bad configuration before
PyTorch is loaded.
"""

__version__ = "0.1.0"
