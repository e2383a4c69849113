"""Hand the lesson out to a class, and see what the class got wrong."""
