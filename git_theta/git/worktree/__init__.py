"""Files of the work tree: the filters, status, staging, materialising, checkout, side-loading."""
