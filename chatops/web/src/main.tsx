import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Chat } from "./chat";
import { Connection } from "./connection";
import { invitedTo, takeInvite } from "./invite";
import { rememberNick, rememberedNick } from "./nick";
import { storeOf } from "./storage";
import { languageFor, stringsIn } from "./strings";

const language = languageFor(navigator.languages ?? [navigator.language]);
const strings = stringsIn(language);
document.documentElement.lang = language;
document.title = strings.title;

const address = document.querySelector<HTMLMetaElement>('meta[name="websocket-url"]')?.content ?? "";
const place = document.getElementById("page") as HTMLElement;

if (/^wss?:\/\//.test(address)) {
  const kept = storeOf(() => localStorage);
  // Of this tab only: two tabs must not both send what one of them wrote. A browser that duplicates a tab copies it.
  const ofTab = storeOf(() => sessionStorage);
  const inviteKey = `chatops:invite:${address}`;
  let invite = takeInvite(location, history, ofTab, inviteKey);
  const chat = new Chat(ofTab, `chatops:outbox:${address}`);
  const connection = new Connection(chat);
  addEventListener("pagehide", () => chat.left());
  addEventListener("hashchange", () => {
    const before = invite;
    invite = takeInvite(location, history, ofTab, inviteKey);
    if (invite !== before) connection.replace();
  });
  createRoot(place).render(
    <App
      chat={chat}
      connection={connection}
      url={() => invitedTo(address, invite)}
      invited={() => invite !== null}
      firstNick={rememberedNick(kept, language)}
      onRename={(nick) => rememberNick(kept, nick)}
      strings={strings}
      language={language}
    />,
  );
} else {
  place.className = "fatal";
  place.textContent = strings.noUrl;
}
