"""The front of the local AWS: API Gateway's WebSocket side, as a client and a function meet it.

MiniStack stays the control plane and runs the functions. The front reads the deployed API from it, accepts WebSocket
connections, invokes the functions through Lambda, and answers `@connections`:

    client ── ws://127.0.0.1:PORT/{stage} ──► front ── Lambda Invoke ──► MiniStack ──► function
    client ◄───────── message ─────────────── front ◄── POST @connections/{id} ─────────┘

Top down: `server` takes a TCP connection and gives it to `websocket` or `http`; `gateway` decides what a handshake, a
message and a disconnect mean, and `management` what `@connections` means; `catalog` knows what is deployed;
`integration` invokes; `signature`, `caller` and `permission` say who may. docs/local.md compares it with AWS.

The protocols are spoken by `websockets` (its sans-I/O layer) and `h11`, both of them kept and without dependencies.
API Gateway limits single frames (32 KB) besides whole messages, fragments what it sends, and takes POST requests with
a body on the same port: aiohttp limits no frames and sends no fragments; the server of `websockets` takes no POST;
ASGI servers hide frames and handshake answers.

The front keeps no state that matters: when it ends, the clients are disconnected and the stack is as it was.
"""
