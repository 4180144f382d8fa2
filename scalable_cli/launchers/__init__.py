"""Code that starts a head and workers somewhere; one file a provider."""
