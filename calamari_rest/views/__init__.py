"""HTTP only: one module per resource, each method a few lines that read, ask cthulhu, and answer."""
