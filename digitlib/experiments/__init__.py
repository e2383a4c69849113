"""Many training runs at once: sweeps over seeds and settings, and their results."""
