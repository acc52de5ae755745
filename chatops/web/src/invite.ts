/**
 * A closed chat's invite: the query of a presigned WebSocket URL, handed over in the page URL's fragment, which no server
 * sees. It leaves the address bar at once, and lives as long as the tab.
 */
import type { Store } from "./storage";

const PRESIGNED = /^#?(X-Amz-[A-Za-z-]+=[\w.~%+/=-]*(?:&X-Amz-[A-Za-z-]+=[\w.~%+/=-]*)*)$/;

export function inviteIn(fragment: string): string | null {
  const query = PRESIGNED.exec(fragment)?.[1];
  return query !== undefined && query.includes("X-Amz-Signature=") ? query : null;
}

/** The invite in the address bar, moved from there into the store; without one, the store's. */
export function takeInvite(page: Location, history: History, store: Store, key: string): string | null {
  const invite = inviteIn(page.hash);
  if (invite !== null) {
    history.replaceState(history.state, "", page.pathname + page.search);
    store.set(key, invite);
    return invite;
  }
  return store.get(key);
}

export function invitedTo(url: string, invite: string | null): string {
  return invite === null ? url : `${url}${url.includes("?") ? "&" : "?"}${invite}`;
}
