"""The MNIST data set, embedded, and the format of its files."""
