"""The lesson's exercises: the questions, and the check of an answer."""
