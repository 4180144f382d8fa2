"""Values to text and to JSON: everything that a user reads is worded here."""
