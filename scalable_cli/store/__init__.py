"""Where bytes are kept under keys."""
