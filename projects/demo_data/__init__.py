"""Demo data: real images shipped inside PyPI packages, and procedural scenes."""
