"""A real single-machine Kubernetes cluster for the end-to-end tests; see README.md.

Standard library only: it runs with a bare `python3` before anything is installed.
"""
