import { useCallback, useMemo } from "react";
// Not the package itself: its default export is one thing to esbuild and another to Node, and it brings what is not used.
import { useWebSocket } from "react-use-websocket/dist/lib/use-websocket";
import type { Connection } from "./connection";

/** One WebSocket and its retries. Renders nothing. */
export function Line({ id, url, connection }: { id: number; url: () => string; connection: Connection }) {
  // A function, so that each try is noticed, and follows an invite that arrived meanwhile.
  const urlOfTry = useCallback(() => {
    connection.attempted(id, () => getWebSocket()?.close());
    return Promise.resolve(url());
  }, [id, url, connection]);
  const options = useMemo(
    () => ({
      onOpen: (event: Event) => {
        const socket = event.target as WebSocket;
        connection.opened(id, (frame) => {
          if (socket.readyState !== WebSocket.OPEN) return false;
          socket.send(frame);
          return true;
        });
      },
      onClose: (event: CloseEvent) => connection.closed(id, event.code),
      onMessage: (event: MessageEvent) => {
        if (typeof event.data === "string") connection.received(id, event.data);
      },
      // The library's lastMessage keeps only the last of those that come together, and renders once for each.
      filter: () => false,
      shouldReconnect: () => connection.persists(id),
      reconnectAttempts: Infinity,
      reconnectInterval: () => connection.delay(),
      disableJson: true,
    }),
    [id, connection],
  );
  const { getWebSocket } = useWebSocket(urlOfTry, options);
  return null;
}
