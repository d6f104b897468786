"""The pages of the model zoo: published numbers beside what is counted here, and the index."""
