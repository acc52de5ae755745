import { memo, useState } from "react";
import type { Entry, Item, Message, NoticeItem } from "./chat";
import { fill, noticeText, type Language, type Strings } from "./strings";
import { beginningOf, colourOf, initialOf, shownName, visible } from "./text";
import { spokenIn } from "./wire";

const COLOURS = 8;
const SAME_BREATH_MS = 3 * 60_000;

interface Voice {
  strings: Strings;
  language: Language;
}

/** What arrived, in the order of arrival. */
export function MessageList({ items, ...voice }: { items: readonly Item[] } & Voice) {
  return (
    <ol className="items">
      {items.map((item, index) => {
        const before = items[index - 1];
        const after = items[index + 1];
        const newDay = before !== undefined && dayOf(before.at) !== dayOf(item.at);
        return item.kind === "notice" ? (
          <NoticeLine key={item.id} item={item} strings={voice.strings} />
        ) : (
          <MessageLine
            key={item.id}
            item={item}
            follows={!newDay && follows(item, before)}
            leads={after?.kind === "message" && follows(after, item) && minuteOf(after.at) === minuteOf(item.at)}
            newDay={newDay}
            {...voice}
          />
        );
      })}
    </ol>
  );
}

function dayOf(at: number): string {
  return new Date(at).toDateString();
}

function minuteOf(at: number): number {
  return Math.floor(at / 60_000);
}

/** Whether the same person goes on speaking, so that name and face need not be shown again. */
function follows(item: Message, before: Item | undefined): boolean {
  if (before?.kind !== "message" || item.at - before.at > SAME_BREATH_MS) return false;
  return before.own === item.own && before.author === item.author && (item.own || item.author !== null);
}

const NoticeLine = memo(function NoticeLine({ item, strings }: { item: NoticeItem; strings: Strings }) {
  return (
    <li className="notice">
      <span className="sr">{strings.notice}: </span>
      {noticeText(item.code, strings)}
    </li>
  );
});

const MessageLine = memo(function MessageLine({
  item,
  follows,
  leads,
  newDay,
  strings,
  language,
}: { item: Message; follows: boolean; leads: boolean; newDay: boolean } & Voice) {
  const name = item.own ? strings.you : item.author === null ? strings.someone : shownName(item.author);
  const classes = ["message", item.own && "own", follows && "follows", leads && "leads", item.author === null && "anonymous"];
  return (
    <li className={classes.filter(Boolean).join(" ")}>
      {newDay && (
        <span className="day">
          {new Date(item.at).toLocaleDateString(language, { month: "long", day: "numeric", weekday: "long" })}
        </span>
      )}
      {!item.own && <Face author={item.author} />}
      <div className="body">
        <p className="name">
          <bdi>{name}</bdi>
          <span className="sr">: </span>
        </p>
        <div className="said">
          <Text text={item.text} strings={strings} language={language} />
          <time dateTime={new Date(item.at).toISOString()} title={new Date(item.at).toLocaleString(language)}>
            {new Date(item.at).toLocaleTimeString(language, { hour: "numeric", minute: "2-digit" })}
          </time>
        </div>
      </div>
    </li>
  );
});

export function Face({ author }: { author: string | null }) {
  return (
    <span className={author === null ? "face" : `face colour-${colourOf(author, COLOURS)}`} aria-hidden="true">
      {author === null ? "·" : initialOf(author)}
    </span>
  );
}

function Text({ text, strings, language }: { text: string } & Voice) {
  const [whole, setWhole] = useState(false);
  const shown = visible(text);
  const beginning = whole ? null : beginningOf(shown);
  return (
    <div className="bubble">
      <p className="text" dir="auto">
        {beginning ?? shown}
        {beginning !== null && "…"}
      </p>
      {beginning !== null && (
        <button type="button" className="plain" onClick={() => setWhole(true)}>
          {fill(strings.showAll, shown.length, language)}
        </button>
      )}
    </div>
  );
}

const FATES = {
  unknown: "unconfirmed",
  refused: "unconfirmedRefused",
  "too large": "unconfirmedTooLarge",
} as const satisfies Record<Entry["fate"], keyof Strings>;

/** What the reader wrote and nobody is known to have got. */
export function Outbox({
  outbox,
  connected,
  onAgain,
  onDiscard,
  ...voice
}: {
  outbox: readonly Entry[];
  connected: boolean;
  onAgain: (id: number) => void;
  onDiscard: (id: number) => void;
} & Voice) {
  const { strings } = voice;
  if (outbox.length === 0) return null;
  return (
    <ol className="items outbox" aria-label={strings.outbox}>
      {outbox.map((entry) => (
        <li key={entry.id} className={`message own ${entry.state}`}>
          <div className="body">
            <div className="said">
              <Text text={spokenIn(entry.wire).text} {...voice} />
            </div>
            {entry.state === "unconfirmed" ? (
              <p className="fate">
                {strings[FATES[entry.fate]]}{" "}
                <button type="button" className="plain" onClick={() => onAgain(entry.id)}>
                  {strings.again}
                </button>
                <button type="button" className="plain" onClick={() => onDiscard(entry.id)}>
                  {strings.discard}
                </button>
              </p>
            ) : (
              <p className="fate">{connected ? strings.sending : strings.kept}</p>
            )}
          </div>
        </li>
      ))}
    </ol>
  );
}
