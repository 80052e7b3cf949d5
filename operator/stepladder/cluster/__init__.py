"""The cluster home: objects on a real API server, watched through kopf, written by one leader at a time."""
