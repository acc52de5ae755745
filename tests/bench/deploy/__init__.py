"""How fast a chat is deployed to an AWS that is as slow as the real one, beside AWS Chalice and a script.

python -m tests.bench.deploy [--only script,chalice] [--times 1]

Each tool runs in processes of its own, against an emptied local AWS behind the proxy of the fault bench. A goal is
a number or a critical path that `paths` computes from what that AWS takes; a goal that is missed ends it with 1.
"""
