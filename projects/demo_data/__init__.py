"""Demo data: real pictures shipped inside PyPI packages, and procedural scenes."""
