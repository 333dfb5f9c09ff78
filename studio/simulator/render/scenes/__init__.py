"""Scene families. Each module has `paint(view, look) -> Picture`; `catalog.py` maps names to them."""
