"""The archives of Keras 3: weights in HDF5 within a zip archive, beside JSON that says what the model is."""
