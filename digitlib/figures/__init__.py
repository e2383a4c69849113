"""Figures, each drawn on axes by a function that returns them."""
