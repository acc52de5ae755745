"""The engine: differences between what should be and what is, walked in dependency order.

It knows nothing of AWS: a resource is anything that follows `resource.Resource`.
"""
