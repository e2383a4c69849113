"""Figures: each `plot_` function draws on the axes that it is given, or on new ones."""
