"""TensorFlow's bundles, of checkpoints and SavedModels: data files, and an index of their tensors."""
