import { useEffect, useState } from "react";
import type { Condition } from "./connection";
import type { Strings } from "./strings";

/** After this many failed handshakes in a row there is more to say than "lost". */
const REFUSED = 3;

export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = () => setOnline(navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => {
      removeEventListener("online", look);
      removeEventListener("offline", look);
    };
  }, []);
  return online;
}

export function shortState(condition: Condition, online: boolean): "open" | "connecting" | "waiting" | "offline" {
  if (condition.state === "open") return "open";
  if (!online) return "offline";
  return condition.state === "connecting" && !condition.everOpened && condition.refusals === 0 ? "connecting" : "waiting";
}

export function detail(condition: Condition, online: boolean, invited: boolean): keyof Strings | null {
  const state = shortState(condition, online);
  if (state === "open" || state === "connecting") return null;
  if (state === "offline") return "offlineDetail";
  if (condition.refusals < REFUSED) return "lost";
  if (invited) return "inviteExpired";
  return condition.everOpened ? "lost" : "refused";
}

/** In the header: always there, in one or two words. */
export function State({ condition, strings }: { condition: Condition; strings: Strings }) {
  const state = shortState(condition, useOnline());
  return (
    <p className={`state ${state}`} role="status">
      {strings[state]}
    </p>
  );
}

/** Below the header while there is no connection: what happened, and what becomes of messages. */
export function Trouble({
  condition,
  invited,
  onTryNow,
  strings,
}: {
  condition: Condition;
  invited: boolean;
  onTryNow: () => void;
  strings: Strings;
}) {
  const said = detail(condition, useOnline(), invited);
  return (
    <div className={said === null ? "trouble none" : "trouble"}>
      <div className="column">
        <p role="status">{said === null ? "" : strings[said]}</p>
        {said !== null && (
          <button type="button" className="plain" onClick={onTryNow}>
            {strings.tryNow}
          </button>
        )}
      </div>
    </div>
  );
}
