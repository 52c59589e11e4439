"""Painters: what turns a prompt into an image. One module a provider of HuggingFace, one interface."""

from services.worker.painters.painter import Brief, Painter, Painting, Target

__all__ = ["Brief", "Painter", "Painting", "Target"]
