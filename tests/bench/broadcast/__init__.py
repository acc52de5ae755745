"""What a broadcast costs: the tutorial's handler, a boto3 thread pool and ours, against the same sink.

python -m tests.bench.broadcast [--quick]
"""
