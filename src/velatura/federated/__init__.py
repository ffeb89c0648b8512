"""Train without pooling data, on Flower; what leaves a site is guarded, bounded and accounted."""
