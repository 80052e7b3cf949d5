"""The home on a cluster: kopf entry point, API-server object store, Lease, Events."""
