"""Detection of one spoken word by log-likelihood, after the blog post's audio experiment.

The post is "Experimenting with autoregressive flows in TensorFlow Probability"; its section on
audio is the third.
"""
