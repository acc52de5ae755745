import { useState, type KeyboardEvent } from "react";
import { sends } from "./keyboard";
import { Face } from "./MessageList";
import type { Strings } from "./strings";
import { cleanNick } from "./text";
import { NICK_LIMIT } from "./wire";

/** The reader's name: an ordinary field, taken over when it is left or on Enter. */
export function NickField({
  nick,
  onRename,
  onDone,
  strings,
}: {
  nick: string;
  onRename: (nick: string) => void;
  onDone: () => void;
  strings: Strings;
}) {
  const [typed, setTyped] = useState(nick);

  const settle = () => {
    const clean = cleanNick(typed, NICK_LIMIT) || nick;
    setTyped(clean);
    if (clean !== nick) onRename(clean);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (sends(event.nativeEvent)) {
      // The focus moves while the key is down: what the key writes would go into the message.
      event.preventDefault();
      onDone();
    } else if (event.key === "Escape") setTyped(nick);
  };

  return (
    <label className="nick" title={strings.nickHint}>
      <Face author={nick} />
      <span className="sr">{strings.nick}</span>
      <input
        type="text"
        value={typed}
        maxLength={NICK_LIMIT}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={settle}
        onKeyDown={onKeyDown}
      />
      <svg viewBox="0 0 24 24" width="14" height="14" aria-hidden="true">
        <path
          d="m4 20 1-4.5L16.5 4a2 2 0 0 1 3 0l.5.5a2 2 0 0 1 0 3L8.5 19z"
          fill="none"
          stroke="currentColor"
          strokeWidth="2"
          strokeLinejoin="round"
        />
      </svg>
    </label>
  );
}
