"""Features, labels and the as-of sample: pure and vectorised, columns in, columns out."""
