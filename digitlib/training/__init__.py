"""Recipes, their networks, and everything that trains them."""
