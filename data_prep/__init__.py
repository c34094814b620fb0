"""Raw data sets to standardised splits; no TensorFlow, no flows."""
