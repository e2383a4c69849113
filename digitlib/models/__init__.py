"""Saved models: save, check, load and export them."""
