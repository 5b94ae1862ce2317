"""Small models that are trained in seconds on generated text and images. They need the extra `torch`."""
