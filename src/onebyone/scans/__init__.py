"""Classifiers at every window of images that do not fit into memory."""
