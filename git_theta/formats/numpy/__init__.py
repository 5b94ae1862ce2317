"""NumPy's files: an array (`.npy`), and zip archives of arrays (`.npz`)."""
