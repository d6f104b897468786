"""COCO's files and tools, as the packages for boxes and for poses read and use them."""
