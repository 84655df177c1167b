"""HTTP: requests in, results out."""
