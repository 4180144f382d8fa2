"""`scalable`: one manifest, from a laptop to a cluster and the cloud."""

__version__ = "0.1.0"
