import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Chat, Item } from "./chat";
import { Composer } from "./Composer";
import type { Connection } from "./connection";
import { Line } from "./Line";
import { MessageList, Outbox } from "./MessageList";
import { NickField } from "./NickField";
import { isAtEnd } from "./scroll";
import { State, Trouble } from "./StateLine";
import { fill, type Language, type Strings } from "./strings";

interface Watched<T> {
  current(): T;
  subscribe(listener: () => void): () => void;
}

/** Renders in React's own time, so that a burst of frames is one rendering. */
function useWatched<T>(watched: Watched<T>): T {
  const [value, setValue] = useState(() => watched.current());
  useEffect(() => {
    const look = () => setValue(watched.current());
    look();
    return watched.subscribe(look);
  }, [watched]);
  return value;
}

export interface AppProps {
  chat: Chat;
  connection: Connection;
  url: () => string;
  invited: () => boolean;
  firstNick: string;
  onRename: (nick: string) => void;
  strings: Strings;
  language: Language;
}

export function App({ chat, connection, url, invited, firstNick, onRename, strings, language }: AppProps) {
  const { items, outbox } = useWatched(chat);
  const condition = useWatched(connection);
  const [nick, setNick] = useState(firstNick);
  const field = useRef<HTMLTextAreaElement>(null);
  const scroller = useRef<HTMLElement>(null);
  const keepsToEnd = useRef(true);
  const lastId = items.at(-1)?.id ?? 0;
  const seenId = useRef(0);
  const [unseen, setUnseen] = useState(0);

  const toEnd = useCallback(() => {
    const box = scroller.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  }, []);

  /** For a button that is about to vanish: its focus must not vanish with it. */
  const focusList = () => scroller.current?.focus({ preventScroll: true });

  const onScroll = useCallback(() => {
    if (scroller.current === null) return;
    keepsToEnd.current = isAtEnd(scroller.current);
    if (keepsToEnd.current) setUnseen(0);
  }, []);

  useLayoutEffect(() => {
    const fresh = items.filter((item) => item.id > seenId.current && item.kind === "message").length;
    seenId.current = lastId;
    if (keepsToEnd.current) toEnd();
    else setUnseen((count) => count + fresh);
  }, [lastId, outbox.length, items, toEnd]);

  // A phone's keyboard, a turned phone, a longer draft: the end stays in sight.
  useEffect(() => {
    const box = scroller.current;
    if (box === null || !("ResizeObserver" in window)) return;
    const observer = new ResizeObserver(() => keepsToEnd.current && toEnd());
    observer.observe(box);
    return () => observer.disconnect();
  }, [toEnd]);

  useEffect(() => {
    const look = () => document.visibilityState === "visible" && connection.hurry();
    const online = () => connection.hurry();
    document.addEventListener("visibilitychange", look);
    addEventListener("online", online);
    return () => {
      document.removeEventListener("visibilitychange", look);
      removeEventListener("online", online);
    };
  }, [connection]);

  const busy = outbox.some(({ state }) => state === "sent" || (state === "waiting" && condition.state === "open"));
  useEffect(() => {
    if (!busy) return;
    const timer = setInterval(() => chat.tick() && connection.probe(), 500);
    return () => clearInterval(timer);
  }, [busy, chat, connection]);

  useTitle(strings.title, items);

  const say = useCallback(
    (text: string) => {
      keepsToEnd.current = true;
      setUnseen(0);
      chat.say(nick, text);
    },
    [chat, nick],
  );

  const rename = (chosen: string) => {
    setNick(chosen);
    onRename(chosen);
  };

  return (
    <div className="page">
      {condition.lines.map((id) => (
        <Line key={id} id={id} url={url} connection={connection} />
      ))}
      <header>
        <div className="column">
          <h1>{strings.title}</h1>
          <State condition={condition} strings={strings} />
          <NickField nick={nick} onRename={rename} onDone={() => field.current?.focus()} strings={strings} />
        </div>
      </header>
      <Trouble condition={condition} invited={invited()} onTryNow={() => connection.hurry()} strings={strings} />
      <main ref={scroller} tabIndex={0} aria-label={strings.messages} onScroll={onScroll}>
        <div className="column">
          {items.length === 0 && outbox.length === 0 && (
            <div className="empty">
              <p>{strings.empty}</p>
              <p className="faint">{strings.emptyHint}</p>
            </div>
          )}
          <div role="log" aria-label={strings.messages}>
            <MessageList items={items} strings={strings} language={language} />
          </div>
          <Outbox
            outbox={outbox}
            connected={condition.state === "open"}
            onAgain={(id) => {
              chat.again(id);
              focusList();
            }}
            onDiscard={(id) => {
              chat.discard(id);
              focusList();
            }}
            strings={strings}
            language={language}
          />
        </div>
      </main>
      {unseen > 0 && (
        <div className="newer">
          <button
            type="button"
            onClick={() => {
              toEnd();
              focusList();
            }}
          >
            {fill(strings.newMessages, unseen, language)} <span aria-hidden="true">↓</span>
          </button>
        </div>
      )}
      <Composer field={field} nick={nick} full={chat.isFull()} onSay={say} strings={strings} language={language} />
    </div>
  );
}

/** `(3) Chat` while nobody looks. */
function useTitle(title: string, items: readonly Item[]): void {
  const missed = useRef(0);
  const counted = useRef(0);
  useEffect(() => {
    if (document.hidden) missed.current += items.filter(({ id, kind }) => id > counted.current && kind === "message").length;
    counted.current = items.at(-1)?.id ?? 0;
    const show = () => {
      if (!document.hidden) missed.current = 0;
      document.title = missed.current > 0 ? `(${missed.current}) ${title}` : title;
    };
    show();
    document.addEventListener("visibilitychange", show);
    return () => document.removeEventListener("visibilitychange", show);
  }, [title, items]);
}
