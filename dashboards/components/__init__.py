"""Parts of pages that Panel has no widget for."""
