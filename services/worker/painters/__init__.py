"""Painters: what turns a prompt into an image. One module a provider of HuggingFace, one interface."""
