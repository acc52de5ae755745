"""chatops: a serverless real-time chat on AWS, created, repaired, operated and torn down from one command line."""

__version__ = "0.1.0"
