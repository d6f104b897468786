"""Labels that say a class for every pixel: what is right, what is wrong, and how often each is."""
