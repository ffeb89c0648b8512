"""Where rooms meet: one file a meeting, functions, no new nouns."""
