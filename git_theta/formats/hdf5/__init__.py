"""HDF5, the format of Keras's weights and of many older models: groups, datasets, and attributes."""
